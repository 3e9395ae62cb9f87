import ArgumentParser
import Configuration
import Daemon
import Fuse
import Glibc
import Logging
import Wire

/// The storage daemon. The process that is started is the keeper of the mount; it starts itself
/// again as the server, and once more whenever that one dies.
@main
struct CairnFSD: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cairnfsd", abstract: "Cairn's storage daemon: mounts the store and serves its admin API.",
    version: "cairnfsd \(cairnVersion)")

  @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "How often within a minute a server that crashed, or could not take over, is replaced before the mount is given up.",
      valueName: "number"))
  var restartLimit = 5

  func run() throws {
    let environment = processEnvironment()
    StandardErrorLog.bootstrap(environment: environment)
    let logger = Logger(label: "cairnfsd")
    do {
      let configuration = try Configuration.load(path: config, environment: environment)
      if let mount = try Keeper.inheritedMount() {
        try StorageServer(configuration, ServiceManager(environment: environment), logger).run(mount)
      } else {
        throw ExitCode(try keep(configuration, logger))
      }
    } catch let code as ExitCode {
      throw code
    } catch {
      logger.critical("\(error)")
      throw ExitCode.failure
    }
  }

  /// Holds the mount until the daemon is told to stop.
  private func keep(_ configuration: Configuration, _ logger: Logger) throws -> Int32 {
    guard geteuid() == 0 else { throw StartError("cairnfsd mounts a file system: start it as root.") }
    try StoreLock.take(configuration.storage.directory)
    try MountPoints.prepare(configuration.storage)
    var keeper = Keeper.Configuration(
      mountPoint: configuration.storage.mount, executable: try executablePath(),
      arguments: Array(CommandLine.arguments.dropFirst()), log: { logger.error("\($0)") })
    // Tells the mounts of several stores apart in what mount(8), df(1) and findmnt(8) print.
    keeper.source = configuration.storage.directory
    keeper.restartLimit = restartLimit
    let code = try Keeper.run(keeper)
    // A server that stopped by itself has removed it; one that crashed too often has not.
    if let place = configuration.storage.persistentMount { try BindMount.clear(place) }
    return code
  }

  /// The path of this program. After an upgrade the new one lies there.
  private func executablePath() throws -> String {
    var buffer = [CChar](repeating: 0, count: 4097)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard count > 0 else { throw StartError("/proc/self/exe can't be read: is /proc mounted?") }
    return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
