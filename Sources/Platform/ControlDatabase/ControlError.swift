/// A request to the control plane that could not be carried out.
public struct ControlError: Error, Hashable, CustomStringConvertible, Sendable {
  public enum Code: String, Sendable {
    case invalid, notFound, ambiguous, conflict, unavailable
  }

  public let code: Code
  /// What it was about: an identifier or a name.
  public let subject: String
  /// A sentence: what was tried, why it failed, what to do.
  public let message: String

  public init(_ code: Code, subject: String, _ message: String) {
    self.code = code
    self.subject = subject
    self.message = message
  }

  public var description: String { message }
}
