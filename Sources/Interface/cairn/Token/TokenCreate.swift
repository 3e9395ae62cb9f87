import API
import ArgumentParser

struct TokenCreate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a token and print it.",
    discussion: "It is printed this once: Cairn keeps only a digest. For MLflow, put it into MLFLOW_TRACKING_TOKEN.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Option(help: ArgumentHelp("Open this project's MLflow API only, instead of all of Cairn.", valueName: "project"))
  var project: String?

  @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
  var name: String?

  @Option(help: ArgumentHelp("How long it is valid, as 90s, 12h, 30d; until it is revoked if not given."))
  var expires: Seconds?

  func run() async throws {
    let made = try await connection.client.create(
      token: NewToken(name: name, project: project, expiresSeconds: expires?.seconds))
    if output.json { try Terminal.print(json: made) } else { Terminal.print(made.token) }
  }
}
