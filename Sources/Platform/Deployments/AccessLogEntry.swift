/// A request, as the proxy's access log has it.
public struct AccessLogEntry: Hashable, Sendable {
  /// Nanoseconds since 1970, to the millisecond, when the request came.
  public let time: Int64
  public let deployment: String
  /// The replica's container; nil: the proxy answered.
  public let server: String?
  public let status: Int
  /// From the request's first byte to the answer's last, waiting for a replica included.
  public let milliseconds: Int
  public let bytes: Int
  public let client: String
  public let method: String
  /// Without the query, which may hold secrets. What is not printable is written as # and two digits.
  public let path: String

  /// In the words of HAProxy's `log-format`: seconds, milliseconds, deployment, server, status, total time, bytes,
  /// client, method, path.
  static let format = "%Ts %ms %[var(txn.deployment)] %s %ST %Ta %B %ci %HM %{+E}HP"

  /// nil: it is no line of this format, or about no deployment.
  init?(parsing line: some StringProtocol) {
    let fields = line.split(separator: " ", maxSplits: 9, omittingEmptySubsequences: true)
    guard fields.count == 10, let seconds = Int64(fields[0]), let fraction = Int64(fields[1]),
      (0...9_000_000_000).contains(seconds), (0...999).contains(fraction), fields[2] != "-",
      let status = Int(fields[4]), let milliseconds = Int(fields[5]), let bytes = Int(fields[6])
    else { return nil }
    time = seconds * 1_000_000_000 + fraction * 1_000_000
    deployment = String(fields[2])
    server = fields[3].hasPrefix("<") ? nil : String(fields[3])
    self.status = status
    self.milliseconds = max(milliseconds, 0)
    self.bytes = max(bytes, 0)
    client = String(fields[7])
    method = String(fields[8])
    path = String(fields[9])
  }
}

/// How long requests took, and how they ended.
public struct TrafficStatistics: Hashable, Sendable {
  /// Upper bounds of the histogram's classes, in milliseconds; what is longer falls into one class more.
  public static let bounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000]

  /// Requests in each class, one more than there are ``bounds``.
  public private(set) var counts = [Int](repeating: 0, count: Self.bounds.count + 1)
  /// By the first digit of the status: 2 for 200 to 299.
  public private(set) var statuses: [Int: Int] = [:]
  public private(set) var bytes = 0
  public private(set) var totalMilliseconds = 0
  /// Of the last minute's requests, for the rate: seconds since 1970 to requests in that second.
  private var recent: [Int64: Int] = [:]

  public var requests: Int { counts.reduce(0, +) }

  mutating func add(_ line: AccessLogLine) {
    counts[Self.bounds.firstIndex { line.milliseconds <= $0 } ?? Self.bounds.count] += 1
    statuses[line.status / 100, default: 0] += 1
    bytes += line.bytes
    totalMilliseconds += line.milliseconds
    recent[line.second, default: 0] += 1
    if recent.count > 120 { recent = recent.filter { $0.key > line.second - 60 } }
  }

  /// Requests a second, over the last minute.
  public func rate(now: Int64) -> Double {
    let second = now / 1_000_000_000
    return Double(recent.filter { $0.key > second - 60 && $0.key <= second }.values.reduce(0, +)) / 60
  }

  /// The bound below which this share of the requests was answered, in milliseconds; nil: none came, or the bound is
  /// above the last one.
  public func quantile(_ share: Double) -> Int? {
    var left = Double(requests) * share
    guard left > 0 else { return nil }
    for (count, bound) in zip(counts, Self.bounds) {
      left -= Double(count)
      if left <= 0 { return bound }
    }
    return nil
  }
}
