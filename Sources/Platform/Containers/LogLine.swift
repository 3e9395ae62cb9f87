/// A line that a job wrote.
public struct LogLine: Hashable, Codable, Sendable {
  public enum Stream: String, Codable, Sendable {
    case stdout, stderr
  }

  /// Nanoseconds since 1970, of the line's beginning.
  public let time: Int64
  public let stream: Stream
  /// Without its line feed; what is not UTF-8 is replaced.
  public let text: String

  public init(time: Int64, stream: Stream, text: String) {
    self.time = time
    self.stream = stream
    self.text = text
  }
}
