import API
import ArgumentParser
import Configuration
import Containers
import HostChecks
import UnixHTTP

struct SystemDoctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Show what this host lacks, and the command that mends it.",
    discussion: """
      Asks cairnd where it runs; where it does not, looks at the host itself. Exits with 1 if something \
      that is needed is missing.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    var report: DoctorReport
    do {
      report = try await connection.client.doctor()
    } catch let error as HTTPClientError where error.isUnreachable {
      report = DoctorReport(findings: HostChecks(storageDirectory: Configuration().storage.directory).findings())
      report.findings += try await containers()
      report.findings.append(
        DoctorReport.Finding(
          .warn, "cairnd", "\(error)", remedy: "systemctl start cairnfsd cairnd, or cairn system up"))
    }
    if output.json { try Terminal.print(json: report) } else { show(report) }
    if report.hasFailed { throw ExitCode(1) }
  }

  /// Tried in a directory of its own, which is gone afterwards.
  private func containers() async throws -> [DoctorReport.Finding] {
    let directory = try TemporaryDirectory(prefix: "cairn-doctor")
    defer { directory.remove() }
    return try await Podman(directory: directory.path).host.findings.map { DoctorReport.Finding($0) }
  }

  private func show(_ report: DoctorReport) {
    var table = Table(("", .left), ("", .left), ("", .left))
    for finding in report.findings {
      table.add(finding.level.rawValue, finding.subject, finding.message)
      if let remedy = finding.remedy { table.add("", "", "mend it with: \(remedy)") }
    }
    Terminal.print(String(table.text.drop { $0.isWhitespace }))
  }
}
