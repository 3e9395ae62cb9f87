import FoundationEssentials
public import ModelRepository
import Tracker

/// An address that is told of what happens to a project's models.
public struct Webhook: Hashable, Sendable {
  public enum Status: String, Sendable {
    case active = "ACTIVE"
    /// It is told of nothing, until it is active again.
    case disabled = "DISABLED"
  }

  public let id: String
  public let project: String
  public var name: String
  public var description: String?
  public var url: String
  public var events: [WebhookEvent]
  public var status: Status
  /// Milliseconds since 1970, as are all times here.
  public let createdAt: Int64
  public internal(set) var updatedAt: Int64
  /// With which deliveries are signed, encrypted. It is never told again.
  var secret: Data?
}

/// What somebody asks to be told of, or how it is to change; what is nil stays as it is.
public struct WebhookRequest: Sendable {
  public var name: String?
  public var description: String?
  public var url: String?
  public var events: [WebhookEvent]?
  public var secret: String?
  public var status: Webhook.Status?

  public init(
    name: String? = nil, description: String? = nil, url: String? = nil, events: [WebhookEvent]? = nil,
    secret: String? = nil, status: Webhook.Status? = nil
  ) {
    self.name = name
    self.description = description
    self.url = url
    self.events = events
    self.secret = secret
    self.status = status
  }
}

/// A kind of event.
public struct WebhookEvent: Hashable, Sendable {
  public let entity: ModelEvent.Entity
  public let action: ModelEvent.Action

  /// From names in letters of either case.
  /// - Throws: `TrackerError` where no such thing happens.
  public init(entity: String, action: String) throws {
    guard let entity = ModelEvent.Entity(rawValue: entity.lowercased()) else {
      throw TrackerError(
        .invalidParameterValue,
        "There is no webhook entity \(entity.prefix(80)); there are "
          + ModelEvent.Entity.allCases.map { $0.rawValue.uppercased() }.joined(separator: ", ") + ".")
    }
    let actions = Self.actions(of: entity)
    guard let action = ModelEvent.Action(rawValue: action.lowercased()), actions.contains(action) else {
      throw TrackerError(
        .invalidParameterValue,
        "Invalid action '\(action.prefix(80))' for entity '\(entity.rawValue)'. Valid actions are: "
          + actions.map { "'\($0.rawValue)'" }.joined(separator: ", "))
    }
    self.entity = entity
    self.action = action
  }

  /// As it is in the records: `model_version.created`.
  var name: String { "\(entity.rawValue).\(action.rawValue)" }

  init?(name: String) {
    let parts = name.split(separator: ".")
    guard parts.count == 2, let event = try? WebhookEvent(entity: String(parts[0]), action: String(parts[1])) else {
      return nil
    }
    self = event
  }

  /// Source: `mlflow/entities/webhook.py` of MLflow 3.17.
  private static func actions(of entity: ModelEvent.Entity) -> [ModelEvent.Action] {
    switch entity {
    case .registeredModel, .modelVersion, .prompt, .promptVersion: [.created]
    case .modelVersionTag, .promptTag, .promptVersionTag: [.set, .deleted]
    case .modelVersionAlias, .promptAlias: [.created, .deleted]
    }
  }

  /// What a test delivers: an event of this kind that never happened.
  var example: String {
    let isPrompt = entity.rawValue.hasPrefix("prompt")
    let name = #""name":"\#(isPrompt ? "example_prompt" : "example_model")""#
    let version = #","version":"1""#
    let tags = #","tags":{"example_key":"example_value"},"description":"An example""#
    switch (entity, action) {
    case (.registeredModel, _), (.prompt, _): return "{\(name)\(tags)}"
    case (.modelVersion, _):
      return #"{\#(name)\#(version),"source":"models:/123","run_id":"abcd1234abcd5678"\#(tags)}"#
    case (.promptVersion, _): return #"{\#(name)\#(version),"template":"Hello {{name}}!"\#(tags)}"#
    case (.modelVersionAlias, .deleted), (.promptAlias, .deleted): return #"{\#(name),"alias":"example_alias"}"#
    case (.modelVersionAlias, _), (.promptAlias, _): return #"{\#(name),"alias":"example_alias"\#(version)}"#
    case (.promptTag, _), (.modelVersionTag, _), (.promptVersionTag, _):
      let ofVersion = entity == .promptTag ? "" : version
      let value = action == .deleted ? "" : #","value":"example_value""#
      return #"{\#(name)\#(ofVersion),"key":"example_key"\#(value)}"#
    }
  }
}
