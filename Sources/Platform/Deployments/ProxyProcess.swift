import Containers
import FoundationEssentials
import Glibc
import Linux

/// HAProxy's processes: a master and its workers, which outlive this one.
struct ProxyProcess: Sendable {
  /// What HAProxy could not be brought to do.
  struct Failure: Error, CustomStringConvertible {
    let tried: String
    let cause: String

    var description: String { "HAProxy could not \(tried): \(cause)" }
  }

  private static let answerLimit = 16 << 20

  let directory: String
  /// The file that it writes a line to for each request.
  let logPath: String

  private func path(_ name: String) -> String { "\(directory)/\(name)" }

  /// Whom its workers run as: Debian's package makes the user. nil: whoever starts them.
  static func workerUser() -> String? { getpwnam("haproxy") != nil && geteuid() == 0 ? "haproxy" : nil }

  /// Writes the files that it is started with or reloaded from.
  func write(configuration: String) throws {
    try writeFile(path(ProxyConfiguration.holdScriptFile), holdScript)
    try writeFile(path(ProxyConfiguration.configurationFile), configuration)
  }

  /// Starts it, and returns when it serves. It is a session of its own, so it goes on when this process ends.
  func start() async throws {
    // What a killed one has left; a master does not start where they are.
    for name in [ProxyConfiguration.masterSocket, ProxyConfiguration.runtimeSocket] { unlink(path(name)) }
    try await run(
      "start",
      [
        // It is given the log as descriptor 3, which it keeps over reloads; and no other that this process has open.
        "sh", "-c", #"umask 077 && : >"$0" && exec "$@" 3>>"$0""#, logPath,
        "haproxy", "-W", "-D", "-p", path(ProxyConfiguration.processFile), "-S",
        path(ProxyConfiguration.masterSocket) + ",mode,600", "-f",
        path(ProxyConfiguration.configurationFile),
      ])
    // It returns before its sockets are there, and before its master has started itself anew.
    let deadline = ContinuousClock.now + .seconds(10)
    while true {
      if await isReady(), (try? await processes())?.worker != nil { return }
      if ContinuousClock.now > deadline { throw Failure(tried: "start", cause: "it does not answer on its sockets") }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// Whether the configuration file can be used; throws what is wrong with it.
  func checkConfiguration() async throws {
    try await run("use its configuration", ["haproxy", "-c", "-q", "-f", path(ProxyConfiguration.configurationFile)])
  }

  /// Has new workers take over; returns when one does. Those before end with their last request.
  func reload() async throws {
    try await checkConfiguration()
    let before = try await processes()
    _ = try await ask("reload", at: ProxyConfiguration.masterSocket)
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline {
      // The master starts itself anew: for a moment nobody answers.
      if let now = try? await processes() {
        if now.failedReloads > before.failedReloads { break }
        if let worker = now.worker, worker != before.worker, await isReady() {
          return try await retire(now.oldWorkers)
        }
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    let configuration = path(ProxyConfiguration.configurationFile)
    throw Failure(tried: "reload", cause: "no new worker came up; `haproxy -c -f \(configuration)` tells why")
  }

  /// Returns when workers that a reload has replaced take no new connections: until each has heard of it, which takes a
  /// moment on a busy host, some requests would still be answered by what was before, such as its credentials.
  private func retire(_ workers: [Int32]) async throws {
    // One that does not listen to signals for so long must not keep the others from being served.
    let deadline = ContinuousClock.now + .seconds(5)
    for worker in workers {
      while ContinuousClock.now < deadline {
        do {
          let answer = try await ask("show info", oldWorker: worker)
          if answer?.contains("\nStopping: 1\n") ?? true { break }
        } catch {
          // The master may be starting itself anew.
          try Task.checkCancellation()
        }
        try await Task.sleep(for: .milliseconds(10))
      }
    }
  }

  /// Whether a worker answers.
  private func isReady() async -> Bool { (try? await ask("show info"))?.isEmpty == false }

  /// The `description` of the configuration that runs; nil: nothing runs.
  /// - Throws: ``Failure`` where its master runs and no worker does.
  func runningDescription() async throws -> String? {
    guard masterPID() != nil else { return nil }
    guard await isReady() else { throw Failure(tried: "answer", cause: "it has no worker in this moment") }
    let prefix = "description: "
    return try await ask("show info").split(separator: "\n").first { $0.hasPrefix(prefix) }
      .map { String($0.dropFirst(prefix.count)) }
  }

  func processes() async throws -> ProxyProcesses {
    ProxyProcesses(parsing: try await ask("show proc", at: ProxyConfiguration.masterSocket))
  }

  /// Carries commands out at the worker that takes new connections. Returns what it answers.
  func ask(_ command: String) async throws -> String { try await ask(command, at: ProxyConfiguration.runtimeSocket) }

  /// Carries a command out at a worker that a reload has replaced; nil: it has ended.
  func ask(_ command: String, oldWorker pid: Int32) async throws -> String? {
    let answer = try await ask("@!\(pid) \(command)", at: ProxyConfiguration.masterSocket)
    return answer.hasPrefix("Can't find the target") ? nil : answer
  }

  private func ask(_ command: String, at socket: String) async throws -> String {
    let connection = try await ClientSocket(.unix(path: path(socket)), seconds: 10)
    try await connection.send(command + "\n")
    // The master would wait for another command.
    connection.finishSending()
    return String(decoding: try await connection.receive(atLeast: Self.answerLimit), as: UTF8.self)
  }

  /// Ends it with all its connections. Does nothing where none runs.
  func stop() async throws {
    guard let pid = masterPID() else { return }
    kill(pid, SIGTERM)
    let deadline = ContinuousClock.now + .seconds(10)
    while masterPID() == pid {
      if ContinuousClock.now > deadline { kill(pid, SIGKILL) }
      try await Task.sleep(for: .milliseconds(20))
    }
    let sockets = [
      ProxyConfiguration.masterSocket, ProxyConfiguration.runtimeSocket, ProxyConfiguration.serveSocket,
      ProxyConfiguration.processFile,
    ]
    for name in sockets { unlink(path(name)) }
  }

  /// The process that starts the workers; nil: none runs. Asked of the kernel, not of its socket: that may be silent for
  /// a moment, and a second HAProxy would share the port with the first.
  private func masterPID() -> Int32? {
    guard let text = try? String(contentsOfFile: path(ProxyConfiguration.processFile), encoding: .utf8),
      let pid = text.split(separator: "\n").first.flatMap({ Int32($0) }),
      let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"),
      // The number may be another process's by now.
      String(decoding: command, as: UTF8.self).split(separator: "\0")
        .contains(Substring(path(ProxyConfiguration.configurationFile)))
    else { return nil }
    return pid
  }

  private func run(_ tried: String, _ words: [String]) async throws {
    do {
      let result = try await Command.run(words, timeLimit: .seconds(30))
      // The first alert names the line; what comes after follows from it.
      let alerts = (result.error + result.output).split(separator: "\n").filter { $0.contains("[ALERT]") }
      guard result.status == 0 else {
        throw Failure(tried: tried, cause: alerts.first.map(String.init) ?? result.complaint)
      }
    } catch is Command.TimeLimitExceeded {
      throw Failure(tried: tried, cause: "it did not return within 30 s")
    } catch let error as Failure {
      throw error
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      throw Failure(tried: tried, cause: "\(error); `apt-get install haproxy` brings it")
    }
  }
}
