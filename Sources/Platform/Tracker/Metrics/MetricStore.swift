import FoundationEssentials
import GRDB
import Synchronization

/// The points of all metrics: what was logged last in memory and in the table `tail`, everything before in segments.
///
/// A request's points are one row of the tail, written in the transaction that acknowledges them, and are added to the
/// open series in memory after it. A series that has grown to ``segmentPoints`` becomes a segment. Where the tail has
/// become long, those that hold its oldest rows are written, too: long ones as segments, and the short ones of a run
/// together, as a bundle, for ten thousand runs of five hundred metrics with a point each would be five million rows.
/// After a restart the series in memory come back from the tail; segments and bundles say how far they went.
///
/// Safe to use from any number of tasks.
final class MetricStore: Sendable {
  struct Series: Hashable, Sendable {
    var run: Int64
    var key: Int64
  }

  /// Points that are in no segment yet.
  fileprivate struct OpenSeries {
    var points: [MetricPoint] = []
    /// The rows of the tail that hold the first and the last of them.
    var firstSequence: Int64
    var lastSequence: Int64
    /// How many points of all series had come before the first of them.
    var firstPlace: Int
    /// Whether a task makes a segment of them.
    var isClaimed = false
  }

  fileprivate struct State {
    var open: [Series: OpenSeries] = [:]
    var openPoints = 0
    /// The last row of the tail whose points are here.
    var sequence: Int64 = 0
    /// Points of all series that have come.
    var place = 0
    /// When to look again for series that hold the tail, and when to cut off what nobody needs of it.
    var nextReview = reviewPoints
    var nextCut = reviewPoints
  }

  /// What a task makes a segment of.
  struct Claim: Sendable {
    let series: Series
    let points: [MetricPoint]
    let throughSequence: Int64
  }

  /// 40 KiB of a segment: what is lost of a database's last page does not count then.
  static let segmentPoints = 4096
  /// Points in memory, at 24 bytes each. More are made segments of before their time.
  fileprivate static let mostOpenPoints = 2 << 20
  /// So many points the tail may hold, and so many more for each open series: a series that is made segments of too
  /// often is many small ones.
  fileprivate static let tailPoints = 256 << 10
  fileprivate static let tailPointsOfSeries = 64
  fileprivate static let reviewPoints = 64 << 10
  /// Points that are written at a review: it keeps others waiting no longer than that takes.
  fileprivate static let mostReviewed = 256 << 10
  /// A shorter series goes into its run's bundle.
  private static let shortSeries = 256
  private static let bundlePoints = 8192

  private let state = Mutex(State())
  // MARK: Writing

  /// Writes a request's points into the tail. To be followed, after the commit, by ``add(_:run:sequence:)``.
  /// - Returns: the row's number.
  func append(_ entries: [MetricTail.Entry], run: Int64, _ database: Database) throws -> Int64 {
    let bytes = MetricTail.encode(run: run, entries)
    try database.cachedStatement(sql: "INSERT INTO tail (points) VALUES (?)").execute(arguments: [Data(bytes)])
    return database.lastInsertedRowID
  }

  /// Takes committed points into memory.
  func add(_ entries: [MetricTail.Entry], run: Int64, sequence: Int64) {
    state.withLock { state in
      for entry in entries {
        let series = Series(run: run, key: entry.key)
        let new = OpenSeries(firstSequence: sequence, lastSequence: sequence, firstPlace: state.place)
        state.open[series, default: new].add(entry.point, sequence)
      }
      state.place += entries.count
      state.openPoints += entries.count
      state.sequence = max(state.sequence, sequence)
    }
  }

  /// Series that are to become segments now: those of these keys that are long enough, and now and then
  /// those that hold the oldest rows of the tail, where that has become long. Each is claimed by the caller, who gives it back.
  func claim(run: Int64, keys: [Int64]) -> [Claim] {
    state.withLock { state in
      var claims: [Claim] = []
      for key in keys {
        let series = Series(run: run, key: key)
        if let open = state.open[series], open.points.count >= Self.segmentPoints {
          claims += state.claim(series)
        }
      }
      if state.place >= state.nextReview { claims += state.claimOldest() }
      return claims
    }
  }

  /// Writes what was claimed, and now and then removes what nobody needs of the tail.
  func seal(_ claims: [Claim], _ database: Database) throws {
    var short: [Int64: [Claim]] = [:]
    for claim in claims {
      if claim.points.count < Self.shortSeries {
        short[claim.series.run, default: []].append(claim)
      } else {
        try Self.write(claim, database)
      }
    }
    for (run, claims) in short { try Self.writeBundle(run, claims, database) }
    if let needed = firstNeeded(after: claims) {
      try database.execute(sql: "DELETE FROM tail WHERE sequence < ?", arguments: [needed])
    }
  }

  /// The first row of the tail that is needed when these claims are written; nil: it is not worth a look yet.
  private func firstNeeded(after claims: [Claim]) -> Int64? {
    let through = Dictionary(uniqueKeysWithValues: claims.map { ($0.series, $0.throughSequence) })
    return state.withLock { state in
      guard state.place >= state.nextCut else { return nil }
      state.nextCut = state.place + Self.reviewPoints
      // Rows that are committed but not in memory yet have higher numbers than `sequence`.
      return state.open.reduce(state.sequence + 1) { lowest, entry in
        entry.value.lastSequence <= through[entry.key] ?? 0 ? lowest : min(lowest, entry.value.firstSequence)
      }
    }
  }

  /// Gives claims back, after their segments were committed or could not be.
  func release(_ claims: [Claim], areSealed: Bool) {
    state.withLock { state in
      for claim in claims {
        guard var open = state.open[claim.series] else { continue }
        open.isClaimed = false
        if areSealed {
          open.points.removeFirst(claim.points.count)
          open.firstSequence = claim.throughSequence + 1
          open.firstPlace = state.place - open.points.count
          state.openPoints -= claim.points.count
        }
        state.open[claim.series] = open.points.isEmpty ? nil : open
      }
    }
  }

  /// Small segments are joined as the digits of a number are when one is added: a series that comes in small pieces
  /// is written a few times, and is a few segments.
  private static func write(_ claim: Claim, _ database: Database) throws {
    var points = claim.points
    var number = try Int64.fetchOne(
      database, sql: "SELECT ifnull(max(number) + 1, 0) FROM segment WHERE run = ? AND key = ?",
      arguments: [claim.series.run, claim.series.key])!
    while number > 0 {
      let last = try Row.fetchOne(
        database,
        sql: "SELECT points FROM segment WHERE run = ? AND key = ? AND number = ? AND count <= ? AND count + ? <= ?",
        arguments: [claim.series.run, claim.series.key, number - 1, points.count, points.count, segmentPoints])
      guard let last else { break }
      points = try decode(last, "points") + points
      number -= 1
    }
    try database.execute(
      sql: "DELETE FROM segment WHERE run = ? AND key = ? AND number >= ?",
      arguments: [claim.series.run, claim.series.key, number])
    let steps = points.map(\.step)
    try database.execute(
      sql: """
        INSERT INTO segment (run, key, number, count, firstStep, lastStep, throughSequence, summary, points)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        claim.series.run, claim.series.key, number, points.count, steps.min() ?? 0, steps.max() ?? 0,
        claim.throughSequence, Data(MetricSegment.encode(MetricThinning.summary(of: points))),
        Data(MetricSegment.encode(points)),
      ])
  }

  /// The claims are of one run.
  private static func writeBundle(_ run: Int64, _ claims: [Claim], _ database: Database) throws {
    var entries = claims.flatMap { claim in
      claim.points.map { MetricTail.Entry(key: claim.series.key, point: $0) }
    }
    let claimed = entries.count
    var number = try Int64.fetchOne(
      database, sql: "SELECT ifnull(max(number) + 1, 0) FROM bundle WHERE run = ?", arguments: [run])!
    while number > 0 {
      let last = try Row.fetchOne(
        database,
        sql: "SELECT points FROM bundle WHERE run = ? AND number = ? AND count <= ? AND count + ? <= ?",
        arguments: [run, number - 1, entries.count, entries.count, bundlePoints])
      guard let last else { break }
      entries = try decodeTail(last).entries + entries
      number -= 1
    }
    try database.execute(sql: "DELETE FROM bundle WHERE run = ? AND number >= ?", arguments: [run, number])
    try database.execute(
      sql: "INSERT INTO bundle (run, number, count, claimed, throughSequence, points) VALUES (?, ?, ?, ?, ?, ?)",
      arguments: [
        // Whatever came up to here to any of these series was claimed with them.
        run, number, entries.count, claimed, claims.map(\.throughSequence).max(),
        Data(MetricTail.encode(run: run, entries)),
      ])
  }

  // MARK: Reading

  /// The open points of a series. To be asked for before the segments are read: a point that moves meanwhile is seen
  /// twice then, and not lost.
  func openPoints(of series: Series) -> [MetricPoint] { state.withLock { $0.open[series]?.points ?? [] } }

  static func decode(_ row: Row, _ column: String) throws -> [MetricPoint] {
    let points = try row.withUnsafeData(named: column) { data in
      data?.withUnsafeBytes { MetricSegment.decode($0) }
    }
    guard let points else { throw MetricDamage(what: "a segment") }
    return points
  }

  /// The points of a series that are in its run's bundles.
  static func bundledPoints(of series: Series, _ database: Database) throws -> [MetricPoint] {
    var points: [MetricPoint] = []
    let rows = try Row.fetchCursor(
      database, sql: "SELECT points FROM bundle WHERE run = ? ORDER BY number", arguments: [series.run])
    while let row = try rows.next() {
      for entry in try decodeTail(row).entries where entry.key == series.key { points.append(entry.point) }
    }
    return points
  }

  private static func decodeTail(_ row: Row) throws -> (run: Int64, entries: [MetricTail.Entry]) {
    let tail = try row.withUnsafeData(named: "points") { data in data?.withUnsafeBytes { MetricTail.decode($0) } }
    guard let tail else { throw MetricDamage(what: "a row of the tail or a bundle") }
    return tail
  }

  /// Brings the open series back.
  func load(_ database: Database) throws {
    let through = try Self.through(database)
    let rows = try Row.fetchCursor(database, sql: "SELECT sequence, points FROM tail ORDER BY sequence")
    while let row = try rows.next() {
      let sequence: Int64 = row["sequence"]
      let tail = try Self.decodeTail(row)
      let entries = tail.entries.filter { entry in
        sequence > through[Series(run: tail.run, key: entry.key)] ?? 0
      }
      add(entries, run: tail.run, sequence: sequence)
    }
  }

  /// How far segments and bundles go of series that may be in the tail, too. There may be a hundred thousand such
  /// series, and any number of others: hence the indices.
  private static func through(_ database: Database) throws -> [Series: Int64] {
    var through: [Series: Int64] = [:]
    let segments = try Row.fetchCursor(
      database,
      sql: """
        SELECT run, key, max(throughSequence) FROM segment
        WHERE throughSequence >= (SELECT min(sequence) FROM tail) GROUP BY run, key
        """)
    while let row = try segments.next() { through[Series(run: row[0], key: row[1])] = row[2] }
    let bundles = try Row.fetchCursor(
      database,
      sql: """
        SELECT throughSequence, claimed, points FROM bundle WHERE throughSequence >= (SELECT min(sequence) FROM tail)
        """)
    while let row = try bundles.next() {
      let last: Int64 = row["throughSequence"]
      let bundle = try decodeTail(row)
      // Of what it took in from an older one it says nothing: there may be later points of those series in the tail.
      // Such as were in the tail then come twice, and are one when they are read.
      for entry in bundle.entries.suffix(row["claimed"]) {
        let series = Series(run: bundle.run, key: entry.key)
        through[series] = max(through[series] ?? 0, last)
      }
    }
    return through
  }
}

extension MetricStore.OpenSeries {
  fileprivate mutating func add(_ point: MetricPoint, _ sequence: Int64) {
    points.append(point)
    lastSequence = sequence
  }
}

extension MetricStore.State {
  /// Nothing where another task has it.
  fileprivate mutating func claim(_ series: MetricStore.Series) -> [MetricStore.Claim] {
    guard let claimed = open[series], !claimed.isClaimed, !claimed.points.isEmpty else { return [] }
    open[series]?.isClaimed = true
    return [
      MetricStore.Claim(series: series, points: claimed.points, throughSequence: claimed.lastSequence)
    ]
  }
}

extension MetricStore.State {
  /// Series that keep the tail from being shortened, and those that fill memory; the oldest first.
  fileprivate mutating func claimOldest() -> [MetricStore.Claim] {
    nextReview = place + MetricStore.reviewPoints
    let most = min(
      max(MetricStore.tailPoints, open.count * MetricStore.tailPointsOfSeries), MetricStore.mostOpenPoints)
    let isFull = openPoints > MetricStore.mostOpenPoints
    // Half of what is allowed stays, so that the next review does not find the same again.
    let oldest = isFull ? place - MetricStore.mostOpenPoints / 2 : place - most
    guard isFull || open.values.contains(where: { $0.firstPlace < oldest }) else { return [] }
    var claims: [MetricStore.Claim] = []
    var points = 0
    for (series, held) in open where held.firstPlace < (isFull ? oldest : place - most / 2) {
      if points >= MetricStore.mostReviewed { break }
      points += held.points.count
      claims += claim(series)
    }
    return claims
  }
}

/// Bytes in the tracker's records that are not what was written.
struct MetricDamage: Error, CustomStringConvertible {
  let what: String

  var description: String {
    "\(what) of the metrics is damaged; restore tracker.db from a backup, or ask for what is left of it with sqlite3"
  }
}
