import ArgumentParser
import Configuration
import Daemon
import Glibc
import Logging
import Wire

/// The control plane's daemon.
@main
struct CairnD: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cairnd", abstract: "Cairn's control plane: runs jobs and serves the API.",
    version: "cairnd \(cairnVersion)")

  @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String?

  func run() async throws {
    let environment = processEnvironment()
    StandardErrorLog.bootstrap(environment: environment)
    let logger = Logger(label: "cairnd")
    do {
      let configuration = try Configuration.load(path: config, environment: environment)
      try await ControlServer(configuration, ServiceManager(environment: environment), logger).run()
    } catch {
      logger.critical("\(error)")
      throw ExitCode.failure
    }
  }
}
