/// What can be searched for, and by what: the rules that MLflow has for each kind of record.
///
/// Source: `mlflow/utils/search_utils.py` of MLflow 3.17, as the tests of its REST interface show it.
public struct SearchSubject: Sendable {
  /// What a key in a filter may belong to.
  public enum Entity: String, Sendable {
    case metric, parameter, tag, attribute, dataset
  }

  public enum Attribute: Sendable {
    /// Compared as a text; `inLists`: also with `IN` and `NOT IN`.
    case text(inLists: Bool)
    case number
  }

  /// In messages: “run”.
  let name: String
  let entities: Set<Entity>
  let attributes: [String: Attribute]
  /// Other names of attributes.
  let aliases: [String: String]

  public static let runs = SearchSubject(
    name: "run", entities: [.metric, .parameter, .tag, .attribute, .dataset],
    attributes: [
      "run_id": .text(inLists: true), "run_name": .text(inLists: false), "user_id": .text(inLists: false),
      "status": .text(inLists: false), "artifact_uri": .text(inLists: false), "start_time": .number,
      "end_time": .number,
    ],
    aliases: [
      "run name": "run_name", "Run name": "run_name", "Run Name": "run_name", "created": "start_time",
      "Created": "start_time",
    ])

  public static let experiments = SearchSubject(
    name: "experiment", entities: [.tag, .attribute],
    attributes: [
      "name": .text(inLists: false), "experiment_id": .text(inLists: false), "creation_time": .number,
      "last_update_time": .number,
    ],
    aliases: [:])

  public static let registeredModels = SearchSubject(
    name: "registered model", entities: [.tag, .attribute],
    attributes: ["name": .text(inLists: true), "creation_timestamp": .number, "last_updated_timestamp": .number],
    aliases: [:])

  public static let modelVersions = SearchSubject(
    name: "model version", entities: [.tag, .attribute],
    attributes: [
      "name": .text(inLists: true), "run_id": .text(inLists: true), "source_path": .text(inLists: false),
      "version_number": .number, "creation_timestamp": .number, "last_updated_timestamp": .number,
    ],
    aliases: [:])

  public static let loggedModels = SearchSubject(
    name: "logged model", entities: [.metric, .parameter, .tag, .attribute],
    attributes: [
      "name": .text(inLists: true), "model_id": .text(inLists: true), "model_type": .text(inLists: true),
      "status": .text(inLists: true), "source_run_id": .text(inLists: true), "creation_timestamp": .number,
      "last_updated_timestamp": .number,
    ],
    aliases: ["creation_time": "creation_timestamp"])

  static let datasetKeys = ["name", "digest", "context"]

  private static let entityNames: [String: Entity] = [
    "metric": .metric, "metrics": .metric, "parameter": .parameter, "parameters": .parameter, "param": .parameter,
    "params": .parameter, "tag": .tag, "tags": .tag, "attribute": .attribute, "attributes": .attribute,
    "attr": .attribute, "run": .attribute, "dataset": .dataset, "datasets": .dataset,
  ]

  /// - Throws: ``FilterError`` for a word that names none of this subject's.
  func entity(_ name: String) throws(FilterError) -> Entity {
    guard let entity = Self.entityNames[name], entities.contains(entity) else {
      throw FilterError(
        "Invalid entity type '\(name)'. Valid values are \(list(entities.map { Self.plural($0) })).")
    }
    return entity
  }

  /// The attribute's own name.
  func attribute(_ key: String) throws(FilterError) -> String {
    let name = aliases[key] ?? key
    guard attributes[name] != nil else {
      throw FilterError("Invalid attribute key '\(key)' specified. Valid keys are \(list(Array(attributes.keys))).")
    }
    return name
  }

  private func list(_ names: [String]) -> String { names.sorted().map { "'\($0)'" }.joined(separator: ", ") }

  private static func plural(_ entity: Entity) -> String { entity.rawValue + "s" }
}
