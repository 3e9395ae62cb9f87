import API
import ArgumentParser
import ExperimentFiles
import ExperimentStates
import FoundationEssentials
import Workspace

struct ExperimentRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run the sweep or the group that a file describes, from this directory.",
    discussion: """
      The file is YAML: Cairn's own, or a sweep file of Weights & Biases as it is. The directory is sent once, and each \
      job works on a clone of it. The experiment is followed to its end; exit code 0 says that it succeeded.

      Ctrl-C asks the experiment to stop, and goes on following it; a second Ctrl-C leaves it alone.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The file.")
  var file: String

  @Option(name: .shortAndLong, help: "The project; by default the file's, or the name of the workspace's directory.")
  var project: String?

  @Option(name: .shortAndLong, help: "A name, in the place of the file's.")
  var name: String?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The directory to send, or `none`; by default the file's, or this one.", valueName: "directory"))
  var workspace: String?

  @Flag(name: .shortAndLong, help: "Print the experiment's identifier and return.")
  var detach = false

  func run() async throws {
    let text = try read()
    let parsed: ExperimentFile
    do {
      // Only to find faults before anything is sent; the daemon reads it again.
      parsed = try ExperimentFile(parsing: text, seed: 0)
    } catch let error as ExperimentFileError {
      throw FileProblem(description: "\(file): \(error)")
    }
    let client = connection.client
    // Asked first, so that a daemon that is not there is found out before a large tree is read.
    _ = try await client.information()
    let workspace = workspace ?? parsed.workspace ?? "."
    let isEmpty = workspace == "none"
    let directory = try absolutePath(isEmpty ? "." : workspace)
    let experiment = try await client.submit(
      NewExperiment(
        file: text, name: name, project: project,
        directory: directory.split(separator: "/").last.map(String.init) ?? "root",
        workspaceSnapshot: isEmpty ? nil : try await sendWorkspace(workspace, to: client),
        git: isEmpty ? nil : GitDirectory.commit(in: directory)))
    if detach {
      if output.json { try Terminal.print(json: experiment) } else { Terminal.print(experiment.id) }
      return
    }
    if Terminal.showsProgress {
      Terminal.complain("cairn: \(experiment.kind.rawValue) \(experiment.id) in project \(experiment.project)")
    }
    let ended = try await ExperimentFollower(client: client, experiment: experiment.id, json: output.json).run()
    if output.json {
      try Terminal.print(json: ended)
    } else if ended.experiment.kind == .sweep {
      Terminal.print(trialTable(ended))
    }
    if ended.experiment.state != .succeeded {
      let detail = ended.experiment.detail.map { ": \($0)" } ?? ""
      Terminal.complain("cairn: experiment \(ended.experiment.id) \(ended.experiment.state.rawValue)\(detail)")
      throw ExitCode(1)
    }
  }

  private func read() throws -> String {
    do {
      let data = try Data(contentsOf: URL(filePath: file))
      guard let text = String(validating: data, as: UTF8.self) else {
        throw FileProblem(description: "\(file) is not UTF-8")
      }
      return text
    } catch let error as CocoaError {
      throw FileProblem(description: "\(file) can't be read: \(error)")
    }
  }
}

/// Why a file can't be run.
struct FileProblem: Error, CustomStringConvertible {
  let description: String
}
