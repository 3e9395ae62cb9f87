import API
import ArgumentParser
import JobStates

struct JobStop: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stop jobs: SIGTERM, then SIGKILL after the grace period.",
    discussion: "Of a job that is being stopped already it shortens the grace period: --grace 0s ends it now.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifiers, beginnings of them, or names.")
  var jobs: [String]

  @Option(help: ArgumentHelp("Time between the two signals; 30s by default.", valueName: "time"))
  var grace: Seconds?

  @Flag(help: "Wait until they have ended.")
  var wait = false

  func run() async throws {
    let client = connection.client
    for job in jobs {
      var stopped = try await client.stop(job, graceSeconds: grace?.seconds)
      if wait { stopped = try await client.wait(for: stopped.id) }
      if output.json {
        try Terminal.print(json: stopped)
      } else {
        Terminal.print("\(stopped.id) \(stopped.state.rawValue)")
      }
    }
  }
}
