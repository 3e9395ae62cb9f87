public import GRDB
import Linux
import Tracker
import Wire

/// Something that happened in the repository, for webhooks: MLflow's entities, actions and payloads.
///
/// Source: `mlflow/entities/webhook.py` and `mlflow/webhooks/types.py` of MLflow 3.17.
public struct ModelEvent: Hashable, Sendable {
  public enum Entity: String, Sendable, CaseIterable {
    case registeredModel = "registered_model"
    case modelVersion = "model_version"
    case modelVersionTag = "model_version_tag"
    case modelVersionAlias = "model_version_alias"
    case prompt
    case promptVersion = "prompt_version"
    case promptTag = "prompt_tag"
    case promptVersionTag = "prompt_version_tag"
    case promptAlias = "prompt_alias"
  }

  public enum Action: String, Sendable {
    case created, set, deleted
  }

  /// Its place in the order of events.
  public let sequence: Int64
  /// Milliseconds since 1970.
  public let time: Int64
  public let project: String
  public let entity: Entity
  public let action: Action
  /// A JSON object.
  public let data: String
}

extension ModelEvent: FetchableRecord {
  /// - Throws: never; of a kind that this version does not know it is nil, see ``ModelRepository/events(after:limit:)``.
  static func known(_ row: Row) -> ModelEvent? {
    guard let entity = Entity(rawValue: row["entity"]), let action = Action(rawValue: row["action"]) else { return nil }
    return ModelEvent(
      sequence: row["sequence"], time: row["time"], project: row["project"], entity: entity, action: action,
      data: row["data"])
  }

  public init(row: Row) throws {
    guard let event = Self.known(row) else {
      throw TrackerError(.invalidParameterValue, "There is no event \(row["entity"] as String).")
    }
    self = event
  }
}

extension Database {
  /// Appends an event. The transaction that it is part of has made what it tells.
  func append(
    event entity: ModelEvent.Entity, _ action: ModelEvent.Action, project: String, _ data: [(String, JSONValue)]
  ) throws {
    var writer = JSONWriter()
    writer.value(.object(JSONObject(data.map { JSONObject.Field(name: $0, value: $1) })))
    try execute(
      sql: "INSERT INTO modelEvent (time, project, entity, action, data) VALUES (?, ?, ?, ?, ?)",
      arguments: [
        millisecondsNow(), project, entity.rawValue, action.rawValue, String(decoding: writer.bytes, as: UTF8.self),
      ])
  }
}

extension [KeyValue] {
  /// As an object.
  var json: JSONValue {
    var object = JSONObject()
    for tag in self { object.append(tag.key, .string(tag.value)) }
    return .object(object)
  }

  /// Whether a model with these is one of MLflow's prompts, which it keeps among the models.
  var areOfPrompt: Bool { contains { $0.key == Prompts.tag && $0.value.lowercased() == "true" } }
}

/// MLflow's prompts: registered models with a tag.
enum Prompts {
  static let tag = "mlflow.prompt.is_prompt"
  /// The tag of a version that holds the prompt itself.
  static let text = "mlflow.prompt.text"
}

extension String? {
  var json: JSONValue { map { .string($0) } ?? .null }
}
