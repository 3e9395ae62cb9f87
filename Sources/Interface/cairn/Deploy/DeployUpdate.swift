import API
import ArgumentParser

struct DeployUpdate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "update", abstract: "Roll out a new revision: what is given changes, the rest stays.",
    discussion: """
      Replicas are replaced one by one, each when its successor is ready, without losing a request. With --canary the \
      new revision gets a share of the requests beside the old one; an update without options then makes it the only \
      one, and `cairn deploy rollback` takes it back.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The deployment's name.")
  var name: String

  @OptionGroup var revision: RevisionOptions

  @Option(help: ArgumentHelp("The new revision's share of the requests, 1 to 99.", valueName: "percent"))
  var canary: Int?

  @Option(help: ArgumentHelp("Without progress for so long the update is taken back, such as 10m.", valueName: "time"))
  var deadline: Seconds?

  @Option(help: ArgumentHelp("New credentials: none, token or basic.", valueName: "kind"))
  var auth: String?

  @Flag(name: .shortAndLong, help: "Do not wait until it is rolled out.")
  var detach = false

  func validate() throws {
    if let canary, !(1...99).contains(canary) { throw ValidationError("--canary is between 1 and 99.") }
  }

  func run() async throws {
    let client = connection.client
    var answer = try await client.update(
      deployment: name,
      DeploymentUpdate(
        change: revision.change, canaryPercent: canary, deadlineSeconds: deadline?.seconds, authentication: auth))
    if !output.json { show(answer.credentials) }
    if !detach {
      answer.deployment = try await DeploymentFollower(
        client: client, name: name, seconds: (deadline?.seconds ?? 600) + 60
      ).run()
    }
    if detach {
      if output.json { try Terminal.print(json: answer) }
      return
    }
    try finish(answer.deployment, json: answer, asJSON: output.json)
  }
}
