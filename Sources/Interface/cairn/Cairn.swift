import ArgumentParser
import Glibc
import UnixHTTP
import Wire

/// The root of the command line: `cairn NOUN VERB`.
struct Cairn: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cairn",
    abstract: "Run machine-learning work on Cairn's storage.",
    discussion: """
      A job is named by its identifier, by the beginning of it, or by its name. The socket of cairnd is \
      found by --socket, then CAIRN_SOCKET, then /run/cairn/cairn.sock.

      Exit codes: 0 done; 1 what was asked for failed; 2 wrong usage; 3 cairnd can't be reached. \
      `cairn run` and `cairn job wait` exit as the job does.
      """,
    version: "cairn \(cairnVersion)",
    subcommands: [
      RunCommand.self, JobCommand.self, ProjectCommand.self, ExperimentCommand.self, ArtifactCommand.self,
      ModelCommand.self, DeployCommand.self, NotebookCommand.self, VolumeCommand.self, StorageCommand.self,
      TokenCommand.self,
      SecretCommand.self, GPUCommand.self,
      SystemCommand.self,
    ])
}

@main
enum Main {
  static func main() async {
    do {
      var command = try Cairn.parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      let ending = Ending(error)
      if let output = ending.output { Terminal.print(output) }
      if let complaint = ending.complaint { Terminal.complain(complaint) }
      exit(ending.code)
    }
  }
}

/// How the program ends after an error: the one place where exit codes are decided.
struct Ending: Equatable {
  var code: Int32
  /// For standard output: what help and version print.
  var output: String?
  /// For standard error.
  var complaint: String?

  init(_ error: any Error) {
    switch error {
    case let exit as ExitCode:
      code = exit.rawValue
    case let error as APIError:
      code = 1
      complaint = "cairn: \(error.message)"
    case let error as HTTPClientError where error.isUnreachable:
      code = 3
      complaint = "cairn: \(error)\nStart it with `systemctl start cairnfsd cairnd`, or `cairn system up`."
    default:
      switch Cairn.exitCode(for: error) {
      case .success:
        code = 0
        output = Cairn.fullMessage(for: error)
      case .validationFailure:
        code = 2
        complaint = Cairn.fullMessage(for: error)
      default:
        code = 1
        complaint = "cairn: \(error)"
      }
    }
  }
}
