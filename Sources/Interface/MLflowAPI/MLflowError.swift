import ControlDatabase
import HTTPService
import ModelRepository
import Tracker
import UnixHTTP
import Wire

/// An error as MLflow's clients expect it.
///
/// They try again for minutes after 429 and 5xx: what stays wrong must be none of these.
struct MLflowError: Error {
  var code: String
  var message: String

  static func invalid(_ message: String) -> MLflowError {
    MLflowError(code: "INVALID_PARAMETER_VALUE", message: message)
  }

  static func missing(_ message: String) -> MLflowError {
    MLflowError(code: "RESOURCE_DOES_NOT_EXIST", message: message)
  }

  var reply: Reply {
    let body = JSONWriter.object {
      $0.field("error_code", code)
      $0.field("message", message)
    }
    return .bytes(body, contentType: "application/json", status: Self.statuses[code] ?? 400)
  }

  /// `mlflow/exceptions.py` of MLflow 3.17 has the list.
  private static let statuses = [
    "INTERNAL_ERROR": 500, "NOT_IMPLEMENTED": 501, "TEMPORARILY_UNAVAILABLE": 503, "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404, "NOT_FOUND": 404, "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401,
    "RESOURCE_ALREADY_EXISTS": 400, "INVALID_PARAMETER_VALUE": 400, "BAD_REQUEST": 400, "INVALID_STATE": 400,
    "RESOURCE_CONFLICT": 409, "RESOURCE_EXHAUSTED": 429, "REQUEST_TOO_LARGE": 413,
  ]

  /// nil: a fault of ours, for the service to log.
  init?(_ error: any Error) {
    switch error {
    case let error as MLflowError: self = error
    case let error as TrackerError: self.init(code: error.code.rawValue, message: error.message)
    case let error as FilterError: self.init(code: "INVALID_PARAMETER_VALUE", message: error.message)
    case let error as ControlError: self.init(code: Self.code(of: error), message: error.message)
    case let error as ModelInUse: self.init(code: "RESOURCE_CONFLICT", message: error.description)
    // The storage daemon can't be reached: clients come again.
    case let error as HTTPClientError: self.init(code: "TEMPORARILY_UNAVAILABLE", message: "\(error)")
    case let error as APIError: self.init(code: Self.code(of: error), message: error.message)
    default: return nil
    }
  }

  init(code: String, message: String) {
    self.code = code
    self.message = message
  }

  private static func code(of error: ControlError) -> String {
    switch error.code {
    case .invalid, .ambiguous: "INVALID_PARAMETER_VALUE"
    case .notFound: "RESOURCE_DOES_NOT_EXIST"
    case .conflict: "RESOURCE_CONFLICT"
    case .unavailable: "TEMPORARILY_UNAVAILABLE"
    }
  }

  private static func code(of error: APIError) -> String {
    switch error.status {
    case 401: "UNAUTHENTICATED"
    case 403: "PERMISSION_DENIED"
    case 404: "RESOURCE_DOES_NOT_EXIST"
    case 409: "RESOURCE_CONFLICT"
    case 413: "REQUEST_TOO_LARGE"
    case 500: "INTERNAL_ERROR"
    case 503, 507: "TEMPORARILY_UNAVAILABLE"
    default: "INVALID_PARAMETER_VALUE"
    }
  }
}
