import HTTPService
import Tracker
import Wire

/// A request to one of MLflow's endpoints: who asks for what, in which project.
struct Call {
  let request: Request
  let caller: Caller
  let project: ProjectTracker
  let parameters: Parameters
  /// What `{name}` components of the endpoint's path matched.
  let path: [String: String]

  func component(_ name: String) -> String { path[name] ?? "" }

  /// The run that a request is about. `run_uuid` is its older name.
  func runIdentifier() throws -> String {
    if let identifier = try parameters.optionalText("run_id"), !identifier.isEmpty { return identifier }
    if let identifier = try parameters.optionalText("run_uuid"), !identifier.isEmpty { return identifier }
    throw parameters.missing("run_id")
  }

  func experimentNumber() throws -> Int64 { try Self.number(of: try parameters.requiredText("experiment_id")) }

  func experimentNumbers() throws -> [Int64] { try parameters.texts("experiment_ids").map(Self.number) }

  /// Experiments are numbers in texts.
  static func number(of text: String) throws -> Int64 {
    guard let number = Int64(text), number >= 0 else {
      throw MLflowError.missing("No Experiment with id=\(text.prefix(80)) exists")
    }
    return number
  }

  /// Which stages a request wants to see: a name, or its number.
  func stages(_ name: String) throws -> StageView {
    switch try parameters.value(name) {
    case nil, .string("ACTIVE_ONLY"), .string("1"), .integer(1): return .active
    case .string("DELETED_ONLY"), .string("2"), .integer(2): return .deleted
    case .string("ALL"), .string("3"), .integer(3): return .all
    default: throw MLflowError.invalid("Invalid value for '\(name)': use ACTIVE_ONLY, DELETED_ONLY or ALL.")
    }
  }
}

extension Reply {
  /// A JSON object.
  static func object(_ body: (inout JSONWriter) throws -> Void) rethrows -> Reply {
    .bytes(try JSONWriter.object(body), contentType: "application/json")
  }

  /// `{}`.
  static var done: Reply { .object { _ in } }
}
