import FoundationEssentials
import GRDB
import Synchronization

/// The points of all metrics: what was logged last in memory and in the table `tail`, everything before in segments.
///
/// A request's points are one row of the tail, written in the transaction that acknowledges them, and are added to the
/// open series in memory after it. A series that has grown to ``segmentPoints`` becomes a segment, in a transaction
/// that also removes the rows of the tail that nobody needs any more. After a restart the series in memory come back
/// from the tail; a segment says how far it went.
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
    /// When to look again for series that hold the tail.
    var nextReview = reviewPoints
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

  /// Makes segments of what was claimed, and removes what nobody needs of the tail.
  func seal(_ claims: [Claim], _ database: Database) throws {
    for claim in claims { try Self.write(claim, database) }
    let through = Dictionary(uniqueKeysWithValues: claims.map { ($0.series, $0.throughSequence) })
    // Rows that are committed but not in memory yet have higher numbers than `sequence`.
    let needed = state.withLock { state in
      state.open.reduce(state.sequence + 1) { lowest, entry in
        entry.value.lastSequence <= through[entry.key] ?? 0 ? lowest : min(lowest, entry.value.firstSequence)
      }
    }
    try database.execute(sql: "DELETE FROM tail WHERE sequence < ?", arguments: [needed])
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

  /// Brings the open series back.
  func load(_ database: Database) throws {
    let through = try Self.through(database)
    let rows = try Row.fetchCursor(database, sql: "SELECT sequence, points FROM tail ORDER BY sequence")
    while let row = try rows.next() {
      let sequence: Int64 = row["sequence"]
      let tail = try row.withUnsafeData(named: "points") { data in data?.withUnsafeBytes { MetricTail.decode($0) } }
      guard let tail else { throw MetricDamage(what: "row \(sequence) of the tail") }
      let entries = tail.entries.filter { entry in
        sequence > through[Series(run: tail.run, key: entry.key)] ?? 0
      }
      add(entries, run: tail.run, sequence: sequence)
    }
  }

  /// How far segments go of series that are in the tail, too. There may be a hundred thousand such series, and any
  /// number of others: hence the index.
  private static func through(_ database: Database) throws -> [Series: Int64] {
    var through: [Series: Int64] = [:]
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT run, key, max(throughSequence) FROM segment
        WHERE throughSequence >= (SELECT min(sequence) FROM tail) GROUP BY run, key
        """)
    while let row = try rows.next() { through[Series(run: row[0], key: row[1])] = row[2] }
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
    let series = open.filter { $0.value.firstPlace < (isFull ? oldest : place - most / 2) }.map(\.key)
    return series.flatMap { claim($0) }
  }
}

/// Bytes in the tracker's records that are not what was written.
struct MetricDamage: Error, CustomStringConvertible {
  let what: String

  var description: String {
    "\(what) of the metrics is damaged; restore tracker.db from a backup, or ask for what is left of it with sqlite3"
  }
}
