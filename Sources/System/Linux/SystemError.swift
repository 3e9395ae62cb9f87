import Glibc

/// A system call that failed: which one, on what, and why.
public struct SystemError: Error, CustomStringConvertible, Sendable {
  /// The call as the manual names it, such as `pwrite`.
  public let call: String
  /// The path or the object that it was tried on.
  public let subject: String
  /// The `errno` that it left.
  public let code: Int32

  public init(_ call: String, _ subject: String, _ code: Int32 = errno) {
    self.call = call
    self.subject = subject
    self.code = code
  }

  public var description: String { "\(call) \(subject): \(String(cString: strerror(code)))" }
}
