import API
import ArgumentParser
import ModelFormats

struct ModelShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show all about a model, or about one of its versions.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var options: ModelOptions

  @Argument(help: "NAME or NAME:VERSION.")
  var model: ModelReference

  func run() async throws {
    let client = connection.client
    if let version = model.version {
      let found = try await client.modelVersion(model.name, version, project: options.project)
      if output.json { return try Terminal.print(json: found) }
      return show(found)
    }
    let details = try await client.model(model.name, project: options.project)
    if output.json { return try Terminal.print(json: details) }
    show(details)
  }

  private func show(_ details: ModelDetails) {
    let model = details.model
    Terminal.print(
      listing([
        ("name", model.name), ("project", model.project), ("description", model.description),
        ("directory", model.directory), ("tags", tagText(model.tags)),
        ("created", describe(time: model.createdNanoseconds)), ("updated", describe(time: model.updatedNanoseconds)),
      ]))
    if details.versions.isEmpty { return }
    var table = Table(
      ("VERSION", .right), ("STAGE", .left), ("ALIASES", .left), ("SIZE", .right), ("FORMAT", .left), ("STATUS", .left),
      ("CREATED", .left))
    for version in details.versions {
      table.add(
        "\(version.version)", version.stage, version.aliases.joined(separator: " "),
        version.bytes.map(describe(bytes:)) ?? "", version.content?.formats.first?.rawValue ?? "", version.status,
        describe(time: version.createdNanoseconds))
    }
    Terminal.print("\n" + table.text)
  }

  private func show(_ version: ModelVersion) {
    let content = version.content
    Terminal.print(
      listing([
        ("model", "\(version.name):\(version.version)"), ("project", version.project), ("stage", version.stage),
        ("status", version.status), ("reason", version.statusMessage), ("description", version.description),
        ("aliases", version.aliases.isEmpty ? nil : version.aliases.joined(separator: " ")),
        ("used by", version.usedBy.flatMap { $0.isEmpty ? nil : $0.joined(separator: ", ") }),
        ("tags", tagText(version.tags)), ("path", version.path), ("source", version.source), ("job", version.job),
        ("workspace", version.workspaceSnapshot.map { "snapshot \($0)" }), ("image", version.imageDigest),
        ("run", version.run), ("logged model", version.loggedModel), ("parent", version.parent),
        ("files", version.files.map { "\($0)\(version.bytes.map { ", " + describe(bytes: $0) } ?? "")" }),
        ("sha256", version.digest), ("created", describe(time: version.createdNanoseconds)),
        ("formats", content.map { $0.formats.map(\.rawValue).joined(separator: ", ") }),
        ("made with", content.flatMap { versions(of: $0.frameworks) }),
        ("parameters", content?.parameterCount.map(String.init)),
        ("tensors", content?.tensorCount.map(String.init)),
      ]))
    guard let content else { return }
    signature("INPUT", content.inputs)
    signature("OUTPUT", content.outputs)
    if !content.metadata.isEmpty {
      var table = Table(("METADATA", .left), ("VALUE", .left))
      for (key, value) in content.metadata.sorted(by: { $0.key < $1.key }) { table.add(key, value) }
      Terminal.print("\n" + table.text)
    }
    for warning in content.warnings { Terminal.complain("cairn: \(warning)") }
  }

  private func signature(_ title: String, _ tensors: [TensorDescription]) {
    if tensors.isEmpty { return }
    var table = Table((title, .left), ("TYPE", .left), ("SHAPE", .left))
    for tensor in tensors {
      let shape = tensor.shape.map { "[" + $0.map { $0 < 0 ? "?" : "\($0)" }.joined(separator: ", ") + "]" }
      table.add(tensor.name, tensor.type, shape ?? "")
    }
    Terminal.print("\n" + table.text)
  }

  private func versions(of frameworks: [String: String]) -> String? {
    if frameworks.isEmpty { return nil }
    return frameworks.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }

  private func tagText(_ tags: [String: String]) -> String? {
    if tags.isEmpty { return nil }
    return tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }
}
