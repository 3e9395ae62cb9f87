import API
import ArgumentParser

struct ExperimentCompare: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Show how jobs differ: parameters, metrics, artifacts.",
    discussion: """
      Each is a job, a trial or replica as EXPERIMENT/NUMBER, or an experiment, which stands for its best trial. \
      Parameters and files that are the same in all are left out.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Two jobs or more, such as sweep/0 sweep/7.")
  var jobs: [String]

  func validate() throws {
    if jobs.count < 2 {
      throw ValidationError("Give two jobs or more, such as: cairn experiment compare sweep/0 sweep/7")
    }
  }

  func run() async throws {
    let comparison = try await connection.client.compare(jobs)
    if output.json { return try Terminal.print(json: comparison) }
    for (title, rows) in [
      ("PARAMETER", comparison.parameters), ("METRIC", comparison.metrics), ("FILE", comparison.files),
    ] where !rows.isEmpty {
      Terminal.print(text(title, rows) + "\n")
    }
  }

  private func text(_ title: String, _ rows: [Comparison.Row]) -> String {
    var table = Table([(title, .left)] + jobs.map { ($0, .left) })
    for row in rows { table.add([row.name] + row.values.map { $0 ?? "-" }) }
    return table.text
  }
}
