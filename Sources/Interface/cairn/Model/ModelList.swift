import API
import ArgumentParser
import ModelFormats

struct ModelList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List models.",
    discussion: "FILTER is as MLflow's clients write it: name LIKE 'digits%' AND tags.team = 'vision'.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Option(name: .shortAndLong, help: "Only this project's.")
  var project: String?

  @Argument(help: "Which models; by default all.")
  var filter: String?

  func run() async throws {
    var models: [Model] = []
    var token: String?
    repeat {
      let page = try await connection.client.models(project: project, filter: filter, limit: 1000, pageToken: token)
      models += page.models
      token = page.nextPageToken
    } while token != nil
    if output.json { return try Terminal.print(json: API.ModelList(models: models)) }
    var table = Table(
      ("NAME", .left), ("PROJECT", .left), ("LATEST", .right), ("SIZE", .right), ("FORMAT", .left), ("ALIASES", .left),
      ("UPDATED", .left))
    for model in models {
      let latest = model.latestVersions.last
      table.add(
        model.name, model.project, latest.map { "\($0.version)" } ?? "", latest?.bytes.map(describe(bytes:)) ?? "",
        latest?.content?.formats.first?.rawValue ?? "",
        model.aliases.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "),
        describe(time: model.updatedNanoseconds))
    }
    Terminal.print(table.text)
  }
}
