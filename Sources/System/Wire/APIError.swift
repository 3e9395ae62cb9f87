/// What Cairn's daemons answer instead of a result: a code for programs, a sentence for people that
/// says what to do, and what it is about.
public struct APIError: Error, Codable, Equatable, Sendable, CustomStringConvertible {
  /// The HTTP status that goes with it. Not in the JSON.
  public var status: Int = 500
  /// In snake_case, such as `not_found`.
  public var code: String
  public var message: String
  /// What was asked about, such as `volume 12`.
  public var subject: String?

  public init(status: Int, code: String, message: String, subject: String? = nil) {
    self.status = status
    self.code = code
    self.message = message
    self.subject = subject
  }

  private enum CodingKeys: String, CodingKey {
    case code, message, subject
  }

  public var description: String { message }

  /// 400: the request makes no sense, and never will.
  public static func invalid(_ message: String, subject: String? = nil) -> APIError {
    APIError(status: 400, code: "invalid", message: message, subject: subject)
  }

  /// 404.
  public static func notFound(_ message: String, subject: String? = nil) -> APIError {
    APIError(status: 404, code: "not_found", message: message, subject: subject)
  }

  /// 409: the state of things forbids it.
  public static func conflict(_ message: String, code: String = "conflict", subject: String? = nil) -> APIError {
    APIError(status: 409, code: code, message: message, subject: subject)
  }

  /// 413.
  public static func tooLarge(_ message: String, subject: String? = nil) -> APIError {
    APIError(status: 413, code: "too_large", message: message, subject: subject)
  }
}
