/// What the tracker refuses or can't do. The codes are those of MLflow's REST interface.
public struct TrackerError: Error, Equatable, CustomStringConvertible, Sendable {
  public enum Code: String, Sendable {
    case invalidParameterValue = "INVALID_PARAMETER_VALUE"
    case resourceAlreadyExists = "RESOURCE_ALREADY_EXISTS"
    case resourceDoesNotExist = "RESOURCE_DOES_NOT_EXIST"
  }

  public let code: Code
  /// A sentence for whoever wrote the request.
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
