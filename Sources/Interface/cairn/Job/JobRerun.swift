import API
import ArgumentParser
import JobStates
import Workspace

struct JobRerun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rerun", abstract: "Run a job again: the same snapshot, image, environment and resources.",
    discussion: """
      Its log is followed, and its exit code passed on. With --compare the artifacts of both are compared afterwards, \
      file by file; where they differ, the exit code is 1.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var job: String

  @Flag(help: "Compare what both have left behind.")
  var compare = false

  @Flag(name: .shortAndLong, help: "Print the new job's identifier and return.")
  var detach = false

  func validate() throws {
    if compare && detach { throw ValidationError("--compare waits for the job's end; --detach does not.") }
  }

  func run() async throws {
    let client = connection.client
    // A name would be the new job's as well.
    let original = try await client.job(job).job
    let started = try await client.rerun(original.id)
    if detach {
      if output.json { try Terminal.print(json: started) } else { Terminal.print(started.id) }
      return
    }
    let ended = try await JobFollower(client: client, job: started.id, json: output.json).run()
    if output.json { try Terminal.print(json: ended) }
    if compare {
      let comparison = try await client.compare(original.id, with: ended.id)
      try show(comparison, json: output.json)
      if ended.exitCode == original.exitCode, ended.state == original.state {
        if !comparison.differences.isEmpty { throw ExitCode(1) }
        return
      }
    }
    let code = programExitCode(for: ended)
    if code != 0 { throw ExitCode(code) }
  }
}

struct JobCompare: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare what two jobs have left behind, file by file; exits with 1 if it differs.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifier, beginning of it, or name.")
  var first: String

  @Argument(help: "And of the other.")
  var second: String

  func run() async throws {
    let comparison = try await connection.client.compare(first, with: second)
    try show(comparison, json: output.json)
    if !comparison.differences.isEmpty { throw ExitCode(1) }
  }
}

private func show(_ comparison: ArtifactComparison, json: Bool) throws {
  if json { return try Terminal.print(json: comparison) }
  for difference in comparison.differences {
    let path = printable(Array(difference.pathBytes))
    switch difference.kind {
    case .changed: Terminal.print("changed  \(path)")
    case .onlyInFirst: Terminal.print("only in \(comparison.first)  \(path)")
    case .onlyInSecond: Terminal.print("only in \(comparison.second)  \(path)")
    }
  }
  Terminal.print("\(comparison.same) files are the same, \(comparison.differences.count) differ")
}
