import API
import ArgumentParser
import JobStates
import Linux

struct JobList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List jobs, the newest first.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Option(name: .shortAndLong, help: "Only jobs of this project.")
  var project: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("Only jobs in this state; may be repeated.", valueName: "state"))
  var state: [JobState] = []

  @Option(name: .shortAndLong, help: "At most this many.")
  var limit = 100

  func validate() throws {
    if !(1...10_000).contains(limit) { throw ValidationError("--limit must be between 1 and 10000.") }
  }

  func run() async throws {
    let jobs = try await connection.client.jobs(
      project: project, states: state.isEmpty ? nil : state, limit: limit)
    if output.json { return try Terminal.print(json: API.JobList(jobs: jobs)) }
    Terminal.print(jobTable(jobs, now: nanosecondsNow()))
  }
}

extension JobState: ExpressibleByArgument {}

func jobTable(_ jobs: [Job], now: Int64) -> String {
  let someWait = jobs.contains { $0.waitsFor != nil }
  var columns: [(String, Table.Alignment)] = [
    ("ID", .left), ("NAME", .left), ("PROJECT", .left), ("STATE", .left), ("EXIT", .right), ("AGE", .right),
    ("TOOK", .right), ("COMMAND", .left),
  ]
  if someWait { columns.append(("WAITS FOR", .left)) }
  var table = Table(columns)
  for job in jobs {
    let took = job.startedNanoseconds.map { describe(nanoseconds: (job.endedNanoseconds ?? now) - $0) }
    let command = job.command.joined(separator: " ")
    let cells = [
      job.id, job.name == job.id ? "" : job.name, job.project, job.state.rawValue,
      job.exitCode.map(String.init) ?? "", describe(nanoseconds: now - job.createdNanoseconds), took ?? "",
      command.count > 60 ? command.prefix(59) + "…" : command,
    ]
    table.add(cells + (someWait ? [job.waitsFor?.brief ?? ""] : []))
  }
  return table.text
}

extension API.JobWait {
  /// Without the words that the column's title says.
  fileprivate var brief: String {
    let prefix = "waits for "
    return sentence.hasPrefix(prefix) ? String(sentence.dropFirst(prefix.count)) : sentence
  }
}
