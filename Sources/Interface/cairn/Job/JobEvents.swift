import API
import ArgumentParser

struct JobEvents: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Print what happened to a job.",
    discussion: "With --json, one object a line.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var job: String

  @Flag(name: .shortAndLong, help: "Go on until the job ends.")
  var follow = false

  func run() async throws {
    try await connection.client.events(of: job, follow: follow) { event in
      if output.json { return try Terminal.print(json: event) }
      let change = [event.from, event.to].compactMap { $0 }.joined(separator: " -> ")
      let words = [describe(time: event.timeNanoseconds), change, event.reason, event.detail ?? ""]
      Terminal.print(words.filter { !$0.isEmpty }.joined(separator: "  "))
    }
  }
}
