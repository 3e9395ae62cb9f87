/// One value of a metric. Any double is one: NaN and the infinities are kept as they are.
public struct MetricPoint: Sendable {
  /// What the program counts: batches, epochs. May be negative and come in any order.
  public var step: Int64
  /// Milliseconds since 1970.
  public var timestamp: Int64
  public var value: Double

  public init(step: Int64, timestamp: Int64, value: Double) {
    self.step = step
    self.timestamp = timestamp
    self.value = value
  }
}

extension MetricPoint: Hashable {
  /// By the bits of the value: a NaN that is sent again is the same point.
  public static func == (one: MetricPoint, other: MetricPoint) -> Bool {
    one.step == other.step && one.timestamp == other.timestamp && one.value.bitPattern == other.value.bitPattern
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(step)
    hasher.combine(timestamp)
    hasher.combine(value.bitPattern)
  }
}

extension MetricPoint {
  /// The order of a metric's history, which is MLflow's: by time, step and value; NaN comes last.
  public static func isEarlier(_ one: MetricPoint, _ other: MetricPoint) -> Bool {
    if one.timestamp != other.timestamp { return one.timestamp < other.timestamp }
    if one.step != other.step { return one.step < other.step }
    return isLess(one.value, other.value)
  }

  /// Which of two points is the metric's latest value: by step, time and value, as MLflow has it.
  public static func isLater(_ one: MetricPoint, than other: MetricPoint) -> Bool {
    if one.step != other.step { return one.step > other.step }
    if one.timestamp != other.timestamp { return one.timestamp > other.timestamp }
    return isLess(other.value, one.value)
  }

  /// A total order of all doubles, with NaN above all.
  private static func isLess(_ one: Double, _ other: Double) -> Bool {
    one.isNaN ? false : other.isNaN || one < other
  }
}
