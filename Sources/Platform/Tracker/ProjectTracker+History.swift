import GRDB

/// A part of a metric's history, and where the next one begins.
public struct HistoryPage: Sendable {
  public let points: [MetricPoint]
  /// The last of them, where there are more.
  public let next: MetricPoint?
}

extension ProjectTracker {
  /// More points than these are shown by what segments keep of themselves.
  private static let exactPoints = 20_000

  /// A metric's points in the order of ``MetricPoint/isEarlier(_:_:)``, each once. None where it was never logged.
  /// - Parameter after: the last point of the page before.
  public func history(
    of key: String, run identifier: String, after: MetricPoint? = nil, limit: Int = .max
  ) async throws -> HistoryPage {
    guard let series = try await series(key, identifier) else { return HistoryPage(points: [], next: nil) }
    let open = tracker.metrics.openPoints(of: series)
    var points = try await self.points(inSegmentsOf: series, column: "points") + open
    points.sortUnique(by: MetricPoint.isEarlier)
    if let after {
      let start = points.firstIndex { MetricPoint.isEarlier(after, $0) } ?? points.count
      points.removeFirst(start)
    }
    guard points.count > limit else { return HistoryPage(points: points, next: nil) }
    points.removeLast(points.count - limit)
    return HistoryPage(points: points, next: points.last)
  }

  /// At most `most` points in the order of their steps, to be drawn: no spike is missing. Of a long series, what lies
  /// between them was not looked at.
  public func view(
    of key: String, run identifier: String, steps: ClosedRange<Int64> = .min ... .max, most: Int
  ) async throws -> [MetricPoint] {
    guard let series = try await series(key, identifier) else { return [] }
    let open = tracker.metrics.openPoints(of: series)
    let count = try await tracker.read { database in
      try Int.fetchOne(
        database,
        sql: "SELECT sum(count) FROM segment WHERE run = ? AND key = ? AND lastStep >= ? AND firstStep <= ?",
        arguments: [series.run, series.key, steps.lowerBound, steps.upperBound]) ?? 0
    }
    let column = count > Self.exactPoints ? "summary" : "points"
    var points = try await self.points(inSegmentsOf: series, column: column, steps: steps) + open
    points.removeAll { !steps.contains($0.step) }
    points.sortUnique { ($0.step, $0.timestamp) < ($1.step, $1.timestamp) }
    return MetricThinning.thin(points, to: most)
  }

  /// nil: this was never logged.
  private func series(_ key: String, _ identifier: String) async throws -> MetricStore.Series? {
    let run = try await read { [project] in try Self.run(identifier, project, $0) }
    return tracker.keys.number(of: key).map { MetricStore.Series(run: run.id, key: $0) }
  }

  /// To be called after ``MetricStore/openPoints(of:)``, see there.
  private func points(
    inSegmentsOf series: MetricStore.Series, column: String, steps: ClosedRange<Int64> = .min ... .max
  ) async throws -> [MetricPoint] {
    try await tracker.read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT \(column) FROM segment WHERE run = ? AND key = ? AND lastStep >= ? AND firstStep <= ?
          ORDER BY number
          """, arguments: [series.run, series.key, steps.lowerBound, steps.upperBound])
      var points = try MetricStore.bundledPoints(of: series, database)
      while let row = try rows.next() { points += try MetricStore.decode(row, column) }
      return points
    }
  }
}

extension [MetricPoint] {
  /// Sorts what is not sorted, and drops what comes twice.
  mutating func sortUnique(by isEarlier: (MetricPoint, MetricPoint) -> Bool) {
    let isSorted = indices.dropFirst().allSatisfy { !isEarlier(self[$0], self[$0 - 1]) }
    if !isSorted { sort(by: isEarlier) }
    // Points that are the same stand beside each other, but so may others that neither comes before.
    let hasTwins = indices.dropFirst().contains { !isEarlier(self[$0 - 1], self[$0]) }
    guard hasTwins else { return }
    var seen: Set<MetricPoint> = []
    var last: MetricPoint?
    removeAll { point in
      if let last, isEarlier(last, point) { seen.removeAll() }
      last = point
      return !seen.insert(point).inserted
    }
  }
}
