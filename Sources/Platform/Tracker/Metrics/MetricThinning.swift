/// Fewer points that look the same when drawn.
enum MetricThinning {
  /// Points of a segment that stand for one pair of its summary.
  static let pointsOfSummaryBucket = 128

  /// At most `most` of the points, in their order: of equal parts of them the lowest and the highest, so that no spike
  /// is lost, and the first and the last of all.
  static func thin(_ points: [MetricPoint], to most: Int) -> [MetricPoint] {
    guard points.count > most, most >= 4 else { return most >= 4 ? points : Array(points.prefix(most)) }
    let inner = points.dropFirst().dropLast()
    let buckets = (most - 2) / 2
    var kept = [points[0]]
    for bucket in 0..<buckets {
      let start = inner.startIndex + inner.count * bucket / buckets
      let end = inner.startIndex + inner.count * (bucket + 1) / buckets
      kept += extremes(of: inner[start..<end])
    }
    kept.append(points[points.count - 1])
    return kept
  }

  /// What a segment keeps beside its points for views of many segments: the extremes of every bucket, and its last
  /// point, with which a curve ends where it ends.
  static func summary(of points: [MetricPoint]) -> [MetricPoint] {
    var kept = stride(from: 0, to: points.count, by: pointsOfSummaryBucket).flatMap { start in
      extremes(of: points[start..<min(start + pointsOfSummaryBucket, points.count)])
    }
    if let last = points.last, kept.last != last { kept.append(last) }
    return kept
  }

  /// The lowest and the highest point, the earlier first. NaN is neither, unless there is nothing else.
  private static func extremes(of points: ArraySlice<MetricPoint>) -> [MetricPoint] {
    let numbers = points.indices.filter { !points[$0].value.isNaN }
    guard let lowest = numbers.min(by: { points[$0].value < points[$1].value }),
      let highest = numbers.max(by: { points[$0].value < points[$1].value })
    else { return Array(points.prefix(1)) }
    return lowest == highest ? [points[lowest]] : [points[min(lowest, highest)], points[max(lowest, highest)]]
  }
}
