import GRDB

extension ProjectTracker {
  /// The runs with what they logged, in their order, from the first. A query for the metrics of each, and four for the rest
  /// of all of them.
  /// - Parameter mostMetrics: of all of them together: runs that would bring more are left out, but for the first.
  func details(of runs: [Run], mostMetrics: Int = .max, _ database: Database) throws -> [LoggedRun] {
    var logged = try withMetrics(runs, mostMetrics, database)
    let runs = runs.prefix(logged.count)
    let places = Dictionary(uniqueKeysWithValues: runs.enumerated().map { ($1.id, $0) })
    let list = runs.map { String($0.id) }.joined(separator: ",")
    try addTexts("parameter", to: \.parameters, &logged, places, list, database)
    try addTexts("tag", to: \.tags, &logged, places, list, database)
    try addInputs(to: &logged, places, list, database)
    try addModels(to: &logged, places, list, database)
    return logged
  }

  private func withMetrics(_ runs: [Run], _ mostMetrics: Int, _ database: Database) throws -> [LoggedRun] {
    var logged: [LoggedRun] = []
    var names = KeyNameCache(tracker.keys)
    var left = mostMetrics
    let statement = try database.cachedStatement(
      sql: "SELECT key, step, time, value FROM latest WHERE run = ? ORDER BY key")
    for run in runs {
      var one = LoggedRun(run: run)
      // As many as the run before, as likely as not.
      one.metrics.reserveCapacity(logged.last?.metrics.count ?? 0)
      names.begin()
      let rows = try Row.fetchCursor(statement, arguments: [run.id])
      while let row = try rows.next() {
        let value: Double? = row[3]
        let point = MetricPoint(step: row[1], timestamp: row[2], value: value ?? .nan)
        one.metrics.append(LatestMetric(key: names.next(row[0]), point: point))
      }
      left -= one.metrics.count
      if left < 0 && !logged.isEmpty { break }
      logged.append(one)
    }
    return logged
  }

  private func addTexts(
    _ table: String, to list: WritableKeyPath<LoggedRun, [KeyValue]>, _ logged: inout [LoggedRun],
    _ places: [Int64: Int], _ runs: String, _ database: Database
  ) throws {
    var names = KeyNameCache(tracker.keys)
    let rows = try Row.fetchCursor(database, sql: "SELECT run, key, value FROM \(table) WHERE run IN (\(runs))")
    while let row = try rows.next() {
      guard let place = places[row[0]] else { continue }
      logged[place][keyPath: list].append(KeyValue(names[row[1]], row[2]))
    }
  }

  private func addInputs(
    to logged: inout [LoggedRun], _ places: [Int64: Int], _ list: String, _ database: Database
  ) throws {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT input.run AS run, dataset.*, inputTag.key AS tagKey, inputTag.value AS tagValue
        FROM input JOIN dataset ON dataset.id = input.dataset
        LEFT JOIN inputTag ON inputTag.run = input.run AND inputTag.dataset = input.dataset
        WHERE input.run IN (\(list)) ORDER BY input.run, dataset.id, inputTag.key
        """)
    for row in rows {
      guard let place = places[row["run"]] else { continue }
      let dataset = Dataset(row: row)
      if logged[place].inputs.last?.dataset != dataset {
        logged[place].inputs.append(DatasetInput(dataset: dataset, tags: []))
      }
      guard let key: String = row["tagKey"] else { continue }
      logged[place].inputs[logged[place].inputs.count - 1].tags.append(KeyValue(key, row["tagValue"]))
    }
  }

  private func addModels(
    to logged: inout [LoggedRun], _ places: [Int64: Int], _ list: String, _ database: Database
  ) throws {
    let rows = try Row.fetchAll(
      database, sql: "SELECT run, isOutput, model, step FROM modelLink WHERE run IN (\(list)) ORDER BY run, step, model"
    )
    for row in rows {
      guard let place = places[row["run"]] else { continue }
      let link = ModelLink(model: row["model"], step: row["step"])
      if row["isOutput"] { logged[place].modelOutputs.append(link) } else { logged[place].modelInputs.append(link) }
    }
  }
}

/// The names of keys, each asked for once: a page of runs has the same few hundred a thousand times, in the same order.
private struct KeyNameCache {
  private let keys: KeyNames
  private var names: [Int64: String] = [:]
  /// The names in the order of the run before, and how far this one has come in it.
  private var order: [(number: Int64, name: String)] = []
  private var place = 0

  init(_ keys: KeyNames) { self.keys = keys }

  subscript(_ number: Int64) -> String {
    mutating get {
      if let name = names[number] { return name }
      let name = keys.name(of: number)
      names[number] = name
      return name
    }
  }

  /// Another run begins.
  mutating func begin() { place = 0 }

  /// The name of a key that most likely comes after the one before, as it did in the run before.
  mutating func next(_ number: Int64) -> String {
    defer { place += 1 }
    if place < order.count {
      if order[place].number == number { return order[place].name }
      order.removeLast(order.count - place)
    }
    let name = self[number]
    order.append((number, name))
    return name
  }
}
