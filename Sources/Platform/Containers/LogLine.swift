/// A line that a job wrote.
public struct LogLine: Hashable, Codable, Sendable {
  public enum Stream: String, Codable, Sendable {
    case stdout, stderr
  }

  /// Nanoseconds since 1970, of the line's beginning.
  public let time: Int64
  public let stream: Stream
  /// Without its line feed; what is not UTF-8 is replaced.
  public var text: String
  /// The offset in the log behind it: where whoever has it goes on.
  public let end: Int64

  public init(time: Int64, stream: Stream, text: String, end: Int64 = 0) {
    self.time = time
    self.stream = stream
    self.text = text
    self.end = end
  }
}
