import API
import ArgumentParser

struct DeployScale: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale", abstract: "Change how many replicas there are, or may be.",
    discussion: """
      With --min below --max the requests in flight decide. With --min 0 the last replica stops when idle; the next \
      request is held until there is one again.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The deployment's name.")
  var name: String

  @OptionGroup var scaling: ScalingOptions

  func validate() throws {
    if scaling.change == ScalingChange() { throw ValidationError("Say what to change, such as --replicas 3.") }
  }

  func run() async throws {
    let deployment = try await connection.client.scale(deployment: name, scaling.change)
    if output.json { try Terminal.print(json: deployment) }
  }
}
