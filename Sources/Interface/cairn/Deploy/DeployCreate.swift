import API
import ArgumentParser

struct DeployCreate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Serve a model version, or any program, at a stable address.",
    discussion: """
      Returns when it is served, and prints the address. A replica listens on $PORT of $HOST; the model is mounted \
      read-only at $CAIRN_MODEL_PATH.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The deployment's name, which becomes part of its address.")
  var name: String

  @OptionGroup var revision: RevisionOptions
  @OptionGroup var scaling: ScalingOptions

  @Option(help: ArgumentHelp("What clients must show: none, token or basic.", valueName: "kind"))
  var auth: String?

  @Option(help: ArgumentHelp("An update without progress for so long is taken back, such as 10m.", valueName: "time"))
  var deadline: Seconds?

  @Flag(name: .shortAndLong, help: "Do not wait until it is served.")
  var detach = false

  func run() async throws {
    let client = connection.client
    var answer = try await client.deploy(
      NewDeployment(
        name: name, specification: revision.change, scaling: scaling.change, authentication: auth,
        deadlineSeconds: deadline?.seconds))
    if !output.json { show(answer.credentials) }
    if detach {
      if output.json { try Terminal.print(json: answer) } else { Terminal.print(answer.deployment.url ?? name) }
      return
    }
    answer.deployment = try await DeploymentFollower(
      client: client, name: name, seconds: deadline?.seconds ?? 600
    ).run()
    try finish(answer.deployment, json: answer, asJSON: output.json)
  }
}
