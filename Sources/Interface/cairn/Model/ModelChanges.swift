import API
import ArgumentParser

struct ModelTag: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tag", abstract: "Set or remove tags of a model, or of one of its versions.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var options: ModelOptions

  @Option(name: .shortAndLong, help: ArgumentHelp("A tag to remove; may be repeated.", valueName: "KEY"))
  var remove: [String] = []

  @Argument(help: "NAME or NAME:VERSION.")
  var model: ModelReference

  @Argument(help: "Tags to set, each as KEY=VALUE.")
  var tags: [String] = []

  func run() async throws {
    let change = ModelChange(setTags: try parseTags(tags), removeTags: remove)
    try await apply(change, to: model, connection.client, options.project)
  }
}

struct ModelDescribe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Say what people should know of a model, or of one of its versions.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var options: ModelOptions

  @Argument(help: "NAME or NAME:VERSION.")
  var model: ModelReference

  @Argument(help: "The description; an empty one removes it.")
  var text: String

  func run() async throws {
    try await apply(ModelChange(description: text), to: model, connection.client, options.project)
  }
}

struct ModelStage: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stage", abstract: "Move a version to a stage: None, Staging, Production or Archived.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var options: ModelOptions

  @Flag(help: "Move the versions that are in that stage to Archived.")
  var archiveOthers = false

  @Argument(help: "NAME:VERSION.")
  var model: ModelReference

  @Argument(help: "The stage.")
  var stage: String

  func run() async throws {
    _ = try model.needingVersion()
    let change = ModelChange(stage: stage, archiveOthers: archiveOthers)
    try await apply(change, to: model, connection.client, options.project)
  }
}

struct ModelAlias: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alias", abstract: "Let a name stand for a version, whatever it stood for before.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var options: ModelOptions

  @Flag(help: "Remove the alias; then NAME alone says which model.")
  var remove = false

  @Argument(help: "NAME:VERSION.")
  var model: ModelReference

  @Argument(help: "The alias: letters, digits, underscores and dashes.")
  var alias: String

  func run() async throws {
    let client = connection.client
    if remove { return try await client.removeAlias(alias, of: model.name, project: options.project) }
    try await client.setAlias(alias, of: model.name, to: model.needingVersion(), project: options.project)
  }
}

private func apply(
  _ change: ModelChange, to model: ModelReference, _ client: CairnClient, _ project: String?
) async throws {
  if let version = model.version {
    _ = try await client.change(model: model.name, version: version, project: project, change)
  } else {
    _ = try await client.change(model: model.name, project: project, change)
  }
}

/// - Throws: `ValidationError`
func parseTags(_ tags: [String]) throws -> [String: String] {
  var parsed: [String: String] = [:]
  for tag in tags {
    guard let equals = tag.firstIndex(of: "="), equals != tag.startIndex else {
      throw ValidationError("A tag is KEY=VALUE, not `\(tag)`.")
    }
    parsed[String(tag[..<equals])] = String(tag[tag.index(after: equals)...])
  }
  return parsed
}
