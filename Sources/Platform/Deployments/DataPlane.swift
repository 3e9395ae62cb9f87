import Chunks
import FoundationEssentials
import Logging

/// HAProxy made to serve what is wanted, and asked what it serves.
///
/// Every call begins with what the proxy has, not with what it was told before: this process may have been killed in
/// between, or the proxy.
actor DataPlane {
  private let process: ProxyProcess
  private let logger: Logger
  /// What the file holds; nil: unknown.
  private var written: String?
  /// When the last server was added at the runtime socket that no reload has come after; nil: none was.
  ///
  /// HAProxy 2.6 keeps no connections to such a server for later requests (measured: 7,400 requests/s where one from
  /// the configuration file had 22,000), so a reload follows when things have calmed down.
  private var lastAddition: ContinuousClock.Instant?
  private static let calm = Duration.seconds(2)
  /// What the proxy was last brought to; nil: nothing yet.
  private var applied: ProxyConfiguration?

  init(directory: String, logPath: String, logger: Logger) {
    process = ProxyProcess(directory: directory, logPath: logPath)
    self.logger = logger
  }

  /// Brings the proxy to this configuration: a reload where its structure differs, and the runtime socket for servers.
  func apply(_ configuration: ProxyConfiguration) async throws {
    let description = "cairn-" + Self.digest(configuration.structure)
    let text = configuration.text(description: description)
    if text != written {
      try makeDirectory(configuration.directory)
      try process.write(configuration: text)
      written = text
    }
    switch try await process.runningDescription() {
    case nil:
      try await process.stop()
      try await process.start()
      logger.info("HAProxy serves \(configuration.listen ?? configuration.directory)")
    case description:
      let observed = parseServers(try await process.ask("show servers state"))
      let commands = proxyCommands(wanted: configuration.deployments, observed: observed)
      for command in commands { try await tell(command) }
      if commands.contains(where: { $0.hasPrefix("add server") }) { lastAddition = .now }
      if let added = lastAddition, commands.isEmpty, added.duration(to: .now) > Self.calm {
        try await process.reload()
        lastAddition = nil
      }
    default:
      try await process.reload()
      logger.info("HAProxy reloaded for \(configuration.deployments.count) deployments")
    }
    applied = configuration
  }

  private func tell(_ command: String) async throws {
    let answer = try await process.ask(command).split(separator: "\n").joined(separator: " ")
    let isDone = answer.isEmpty || ["New server registered", "Server deleted"].contains { answer.hasPrefix($0) }
    guard !isDone else { return }
    // Its last connections go on; it is deleted with a later look.
    if command.hasPrefix("del server") {
      logger.debug("\(command): \(answer)")
    } else {
      throw ProxyProcess.Failure(tried: "carry out `\(command)`", cause: answer)
    }
  }

  /// The statistics of all workers, those that a reload has replaced included, and the requests held by backend.
  func traffic() async throws -> (servers: [ServerStatistics], held: [String: Int]) {
    var servers = parseStatistics(try await process.ask("show stat"))
    let held = try await held()
    for old in try await process.processes().oldWorkers {
      // What an old worker holds it hands on at once.
      if let text = try await process.ask("show stat", oldWorker: old) {
        servers += parseStatistics(text).map { statistics in
          var statistics = statistics
          // Counted before the reload.
          statistics.total = 0
          return statistics
        }
      }
    }
    return (servers, held)
  }

  /// The requests held, by backend.
  func held() async throws -> [String: Int] { parseHeld(try await process.ask("show held")) }

  /// Whether a server may get new requests. To be asked once its record says that it must not: then the answer stays no.
  func mayGetRequests(_ server: String) -> Bool {
    applied?.deployments.contains { $0.servers.contains { $0.name == server && $0.weight > 0 } } ?? true
  }

  /// Whether the proxy serves a deployment by at least these servers, to those who open this lock and to nobody else.
  func serves(_ deployment: String, behind lock: CredentialLock?, by servers: [String]) -> Bool {
    guard let served = applied?.deployments.first(where: { $0.name == deployment }) else { return false }
    return served.lock == lock && Set(served.servers.map(\.name)).isSuperset(of: servers)
  }

  /// Requests that a server has, in all workers.
  func inFlight(server: String) async throws -> Int {
    try await traffic().servers.filter { $0.server == server }.reduce(0) { $0 + $1.current + $1.queued }
  }

  func stop() async throws {
    try await process.stop()
    (written, applied) = (nil, nil)
  }

  private func makeDirectory(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
  }

  /// Names a structure.
  private static func digest(_ text: String) -> String {
    String(Array(text.utf8).withUnsafeBytes { Digest(of: $0) }.hexadecimal.prefix(32))
  }
}
