import API
import ArgumentParser
import Configuration
import Daemon
import FoundationEssentials
import Glibc
import HostChecks
import JobStates
import Synchronization
import UnixHTTP

struct SystemUp: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up", abstract: "Run both daemons in the foreground, until Ctrl-C.",
    discussion: """
      Prints one line when Cairn is ready. A daemon that ends unexpectedly is started again. Ctrl-C or \
      SIGTERM stops the jobs and deployments that run, then both daemons, and leaves nothing mounted.
      """)

  @Option(help: ArgumentHelp("The configuration; by default /etc/cairn/cairn.yaml, if it is there.", valueName: "file"))
  var config: String?

  func run() async throws {
    let environment = processEnvironment()
    let configuration = try Configuration.load(path: config, environment: environment)
    let arguments = config.map { ["--config", $0] } ?? []
    try await Supervisor(
      configuration: configuration, arguments: arguments,
      storageProgram: try program("cairnfsd"), controlProgram: try program("cairnd")
    ).run()
  }

  /// A daemon lies beside this program, or where PATH leads.
  private func program(_ name: String) throws -> String {
    if let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
      let slash = own.lastIndex(of: "/")
    {
      let path = own[...slash] + name
      if access(String(path), X_OK) == 0 { return String(path) }
    }
    if let path = findProgram(name) { return path }
    throw SupervisorError.missing(program: name)
  }
}

/// Why Cairn could not be started or kept running.
enum SupervisorError: Error, CustomStringConvertible {
  case missing(program: String)
  case endedAtStart(name: String, ending: DaemonEnding)
  case notReady(name: String, socket: String, seconds: Int)
  case keepsEnding(name: String, ending: DaemonEnding)
  case hadToBeKilled(name: String, mount: String)

  var description: String {
    switch self {
    case .missing(let program): "\(program) is neither beside this program nor in PATH; `make install` puts it there"
    case .endedAtStart(let name, let ending): "\(name) ended before it was ready (\(ending)); its message is above"
    case .notReady(let name, let socket, let seconds): "\(name) does not answer on \(socket) after \(seconds) s"
    case .keepsEnding(let name, let ending): "\(name) keeps ending (\(ending)); its messages are above"
    case .hadToBeKilled(let name, let mount):
      "\(name) did not end and was killed; look with `findmnt \(mount)` whether something is still mounted, "
        + "and unmount it with `umount -l \(mount)`"
    }
  }
}

/// Whether a signal has come that asks this program to end.
private final class Interruption: Sendable {
  private let flag = Atomic(false)

  var hasCome: Bool {
    get { flag.load(ordering: .relaxed) }
    set { flag.store(newValue, ordering: .relaxed) }
  }
}

/// Keeps the two daemons running.
private struct Supervisor {
  private static let startSeconds = 120
  /// A daemon that ends this soon after its start, this often in a row, is given up.
  private static let quickEnding = Duration.seconds(5)
  private static let quickEndings = 5
  /// SIGTERM to SIGKILL: what is written but not stored yet must get to the disk.
  private static let stopLimit = Duration.seconds(120)
  private static let jobGraceSeconds = 10

  let configuration: Configuration
  let arguments: [String]
  let storageProgram: String
  let controlProgram: String

  private enum Event: Sendable {
    case signal
    case ended(name: String, DaemonEnding)
  }

  func run() async throws {
    // From here on a signal is an event, whatever is being waited for.
    let (events, source) = AsyncStream.makeStream(of: Event.self)
    let interruption = Interruption()
    let listener = Task {
      for await _ in signals(SIGINT, SIGTERM, SIGHUP) {
        interruption.hasCome = true
        source.yield(.signal)
      }
    }
    defer { listener.cancel() }
    var iterator = events.makeAsyncIterator()
    var storage = try start(storageProgram, source)
    var control: DaemonProcess?
    var failure: (any Error)?
    do {
      var isReady = try await waitUntilReady(storage, socket: configuration.storageSocket, "/v1/info", interruption)
      if isReady {
        let daemon = try start(controlProgram, source)
        control = daemon
        isReady = try await waitUntilReady(
          daemon, socket: configuration.controlSocket, "/v1/system/info", interruption)
      }
      if isReady {
        Terminal.print(
          "Cairn is ready: socket \(configuration.controlSocket), mounted at \(configuration.storage.mount)")
      }
      var quick = 0
      var lastStart = ContinuousClock.now
      loop: while isReady, let event = await iterator.next() {
        switch event {
        case .signal: break loop
        case .ended(let name, let ending):
          quick = lastStart.duration(to: .now) < Self.quickEnding ? quick + 1 : 1
          if quick >= Self.quickEndings { throw SupervisorError.keepsEnding(name: name, ending: ending) }
          Terminal.complain("cairn: \(name) ended unexpectedly (\(ending)); it is started again")
          lastStart = .now
          if name == storage.name {
            storage = try start(storageProgram, source)
          } else {
            control = try start(controlProgram, source)
          }
        }
      }
    } catch {
      failure = error
    }
    if let control {
      if failure == nil {
        await stopJobs()
        await stopDeployments()
      }
      _ = await control.stop(within: Self.stopLimit)
    }
    if !(await storage.stop(within: Self.stopLimit)) && failure == nil {
      failure = SupervisorError.hadToBeKilled(name: storage.name, mount: configuration.storage.mount)
    }
    if let failure { throw failure }
  }

  private func start(_ program: String, _ source: AsyncStream<Event>.Continuation) throws -> DaemonProcess {
    let daemon = try DaemonProcess(program: program, arguments: arguments)
    Task { source.yield(.ended(name: daemon.name, await daemon.ending.value)) }
    return daemon
  }

  /// Returns false where a signal came first.
  private func waitUntilReady(
    _ daemon: DaemonProcess, socket: String, _ target: String, _ interruption: Interruption
  ) async throws -> Bool {
    let client = UnixHTTPClient(socketPath: socket)
    let ready = Task {
      let deadline = ContinuousClock.now + .seconds(Self.startSeconds)
      while ContinuousClock.now < deadline && !interruption.hasCome {
        // Any answer will do: who answers is up.
        if (try? await client.request("GET", target, idleSeconds: 5)) != nil { return true }
        try await Task.sleep(for: .milliseconds(50))
      }
      return false
    }
    let watcher = Task {
      let ending = await daemon.ending.value
      ready.cancel()
      return ending
    }
    do {
      if try await ready.value { return true }
      if interruption.hasCome { return false }
    } catch is CancellationError {
      throw SupervisorError.endedAtStart(name: daemon.name, ending: await watcher.value)
    }
    throw SupervisorError.notReady(name: daemon.name, socket: socket, seconds: Self.startSeconds)
  }

  /// Their containers would outlive the daemons, and keep the mount busy.
  private func stopJobs() async {
    let client = CairnClient(socket: configuration.controlSocket)
    guard let jobs = try? await client.jobs(states: [.queued, .starting, .running, .stopping]), !jobs.isEmpty else {
      return
    }
    Terminal.complain("cairn: stopping \(jobs.count) jobs")
    let waiting = Task {
      for job in jobs { _ = try await client.stop(job.id, graceSeconds: Self.jobGraceSeconds) }
      for job in jobs { _ = try await client.wait(for: job.id) }
    }
    let limit = Task {
      try await Task.sleep(for: .seconds(Self.jobGraceSeconds + 30))
      waiting.cancel()
    }
    defer { limit.cancel() }
    do {
      try await waiting.value
    } catch {
      Terminal.complain("cairn: not all jobs could be stopped: \(error)")
    }
  }

  /// Their replicas and their proxy would outlive the daemons too. What is wanted stays written down.
  private func stopDeployments() async {
    do {
      try await CairnClient(socket: configuration.controlSocket).suspendDeployments()
    } catch {
      Terminal.complain("cairn: not all deployments could be stopped: \(error)")
    }
  }
}
