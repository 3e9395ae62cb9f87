import API
import ArgumentParser
import ExperimentStates

struct ExperimentStop: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stop experiments and all their jobs: SIGTERM, then SIGKILL after 30 s.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifiers, beginnings of them, or names.")
  var experiments: [String]

  @Flag(help: "Wait until they have ended.")
  var wait = false

  func run() async throws {
    let client = connection.client
    for experiment in experiments {
      var stopped = try await client.stop(experiment: experiment)
      if wait { stopped = try await client.wait(forExperiment: stopped.id) }
      if output.json {
        try Terminal.print(json: stopped)
      } else {
        Terminal.print("\(stopped.id) \(stopped.state.rawValue)")
      }
    }
  }
}
