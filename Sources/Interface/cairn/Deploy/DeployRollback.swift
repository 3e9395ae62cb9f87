import API
import ArgumentParser

struct DeployRollback: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Go back to an earlier revision.",
    discussion: "By default to the one that served before; during an update or a canary, to the one that serves still.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The deployment's name.")
  var name: String

  @Option(help: ArgumentHelp("The revision; `cairn deploy show` lists them.", valueName: "number"))
  var to: Int?

  @Flag(name: .shortAndLong, help: "Do not wait until it is rolled out.")
  var detach = false

  func run() async throws {
    let client = connection.client
    var deployment = try await client.rollBack(deployment: name, to: to)
    if detach {
      if output.json { try Terminal.print(json: deployment) }
      return
    }
    deployment = try await DeploymentFollower(client: client, name: name, seconds: 660).run()
    try finish(deployment, json: deployment, asJSON: output.json)
  }
}
