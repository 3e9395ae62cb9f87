import API
import ArgumentParser

struct JobLogs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Print what jobs wrote.",
    discussion: """
      What they wrote to standard error comes on standard error. Lines of several jobs begin with the job's name. \
      With --json, one object a line.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Identifiers, beginnings of them, or names.")
  var jobs: [String]

  @Flag(name: .shortAndLong, help: "Go on until the jobs end.")
  var follow = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Begin this many lines before the end.", valueName: "lines"))
  var tail: Int?

  @Option(help: "Of this attempt, from 1; by default of the last.")
  var attempt: Int?

  @Flag(help: "Only what they wrote to standard output.")
  var stdout = false

  @Flag(help: "Only what they wrote to standard error.")
  var stderr = false

  func validate() throws {
    if let tail, tail < 0 { throw ValidationError("--tail must not be negative.") }
    if let attempt, attempt < 1 { throw ValidationError("--attempt counts from 1.") }
    if stdout && stderr { throw ValidationError("Give either --stdout or --stderr; without them both are printed.") }
  }

  func run() async throws {
    let client = connection.client
    if jobs.count == 1 { return try await print(jobs[0], prefix: nil, client) }
    // Asked first, so that a wrong name is found out before anything is printed.
    var names: [(job: String, name: String)] = []
    for job in jobs {
      let found = try await client.job(job).job
      names.append((found.id, found.name))
    }
    let width = names.map(\.name.count).max() ?? 0
    try await withThrowingDiscardingTaskGroup { group in
      for (job, name) in names {
        let prefix = name + String(repeating: " ", count: width - name.count) + " | "
        // One after the other, unless they are followed.
        if follow {
          group.addTask { try await print(job, prefix: prefix, client) }
        } else {
          try await print(job, prefix: prefix, client)
        }
      }
    }
  }

  private func print(_ job: String, prefix: String?, _ client: CairnClient) async throws {
    let stream: LogLine.Stream? = stdout ? .stdout : stderr ? .stderr : nil
    let body: (LogLine) throws -> Void = { line in
      if output.json {
        try Terminal.print(json: prefix == nil ? JobLine(line) : JobLine(line, job: job))
      } else {
        show(line, prefix: prefix ?? "")
      }
    }
    if follow {
      try await LogFollower(client: client, job: job, attempt: attempt, tail: tail, stream: stream).run(body)
    } else {
      try await client.logs(of: job, follow: false, attempt: attempt, tail: tail, stream: stream, body)
    }
  }
}

/// A line, and whose it is where that may be asked.
private struct JobLine: Encodable {
  var job: String?
  var timeNanoseconds: Int64
  var stream: LogLine.Stream
  var text: String
  var cursor: String?

  init(_ line: LogLine, job: String? = nil) {
    self.job = job
    timeNanoseconds = line.timeNanoseconds
    stream = line.stream
    text = line.text
    cursor = line.cursor
  }
}

/// Writes a line where the job wrote it to.
func show(_ line: LogLine, prefix: String = "") {
  switch line.stream {
  case .stdout: Terminal.print(prefix + line.text)
  case .stderr: Terminal.complain(prefix + line.text)
  }
}
