import API
import ArgumentParser

struct ModelRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove a version, or with --all a model with all its versions.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var options: ModelOptions

  @Flag(help: "The model with all its versions.")
  var all = false

  @Argument(help: "NAME:VERSION, or NAME with --all.")
  var model: ModelReference

  func validate() throws {
    if all, model.version != nil { throw ValidationError("--all goes with NAME alone.") }
    if !all, model.version == nil {
      throw ValidationError("Say which version: \(model.name):3; or --all for the model with all its versions.")
    }
  }

  func run() async throws {
    let removed = try await connection.client.remove(
      model: model.name, version: model.version, project: options.project)
    if output.json { return try Terminal.print(json: removed) }
    let versions = removed.versions == 1 ? "1 version" : "\(removed.versions) versions"
    Terminal.print(
      "removed \(versions) with \(describe(bytes: removed.bytes)) of files;"
        + " what no other file shares is given back when garbage is collected")
  }
}
