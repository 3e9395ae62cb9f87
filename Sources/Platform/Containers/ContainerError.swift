/// Something about containers that could not be done.
public enum ContainerError: Error, Hashable, CustomStringConvertible, Sendable {
  /// The image is not on this host and could not be had.
  case imageNotFound(image: String, cause: String)
  /// podman refused; `tried` says what it was to do.
  case refused(tried: String, cause: String)
  /// podman did not answer in time.
  case timedOut(tried: String, seconds: Int)
  /// podman was killed, and nobody knows how far it has come: what was tried may be tried again.
  case interrupted(tried: String, signal: Int32)
  /// This host can run no containers.
  case hostUnfit(String)

  public var description: String {
    switch self {
    case .imageNotFound(let image, let cause):
      "image \(image) is not known here and could not be pulled: \(cause)"
    case .refused(let tried, let cause): "podman could not \(tried): \(cause)"
    case .timedOut(let tried, let seconds): "podman could not \(tried) within \(seconds) seconds"
    case .interrupted(let tried, let signal): "podman was killed by signal \(signal) when it was to \(tried)"
    case .hostUnfit(let cause): "this host can run no containers: \(cause)"
    }
  }
}
