import GRDB

extension ProjectTracker {
  /// The runs with what they logged, in their order. Three queries for all of them, and two more for inputs and models.
  func details(of runs: [Run], _ database: Database) throws -> [LoggedRun] {
    var logged = runs.map { LoggedRun(run: $0) }
    let places = Dictionary(uniqueKeysWithValues: runs.enumerated().map { ($1.id, $0) })
    let list = runs.map { String($0.id) }.joined(separator: ",")
    try addMetrics(to: &logged, places, list, database)
    try addTexts("parameter", to: \.parameters, &logged, places, list, database)
    try addTexts("tag", to: \.tags, &logged, places, list, database)
    try addInputs(to: &logged, places, list, database)
    try addModels(to: &logged, places, list, database)
    return logged
  }

  private func addMetrics(
    to logged: inout [LoggedRun], _ places: [Int64: Int], _ list: String, _ database: Database
  ) throws {
    var names = KeyNameCache(tracker.keys)
    let rows = try Row.fetchCursor(
      database, sql: "SELECT run, key, step, time, value FROM latest WHERE run IN (\(list))")
    while let row = try rows.next() {
      let value: Double? = row[4]
      let point = MetricPoint(step: row[2], timestamp: row[3], value: value ?? .nan)
      guard let place = places[row[0]] else { continue }
      logged[place].metrics.append(LatestMetric(key: names[row[1]], point: point))
    }
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

/// The names of keys, each asked for once: a page of runs has the same few hundred a thousand times.
private struct KeyNameCache {
  private let keys: KeyNames
  private var names: [Int64: String] = [:]

  init(_ keys: KeyNames) { self.keys = keys }

  subscript(_ number: Int64) -> String {
    mutating get {
      if let name = names[number] { return name }
      let name = keys.name(of: number)
      names[number] = name
      return name
    }
  }
}
