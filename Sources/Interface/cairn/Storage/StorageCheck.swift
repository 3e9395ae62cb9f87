import API
import ArgumentParser
import StorageAPI

struct StorageCheck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Read everything that is stored, and report damage with the files concerned.",
    discussion: "Exits with 1 if something is wrong. The storage goes on working meanwhile.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions
  @Flag(help: "Mend what can be derived, such as counts. Nothing is deleted.")
  var repair = false

  func run() async throws {
    let result = try await connection.client.check(repair: repair)
    if output.json {
      try Terminal.print(json: result)
    } else {
      for line in lines(result) { Terminal.print(line) }
    }
    if !result.findings.isEmpty { throw ExitCode(1) }
  }

  private func lines(_ result: CheckResult) -> [String] {
    var lines: [String] = []
    for finding in result.findings {
      lines.append("damage: \(finding.sentence)")
      lines += finding.paths.map { "  \($0)" }
    }
    lines += result.repairs.map { "mended: \($0)" }
    let duration = describe(nanoseconds: Int64(result.seconds * 1e9))
    lines.append(
      "read \(describe(bytes: result.bytes)) in \(result.chunks) chunks, and \(result.inodes) inodes in "
        + "\(result.volumes) volumes, in \(duration): "
        + (result.findings.isEmpty
          ? "all is well" : (result.findings.count == 1 ? "1 finding" : "\(result.findings.count) findings")))
    return lines
  }
}
