import Foundation
import Glibc

/// A Cairn of its own for a test: a directory with configuration, store and mount, and both daemons,
/// started as users do it, with `cairn system up`. What a test starts or makes is undone in reverse
/// order; the daemons' messages and all commands are kept in `log` until the test has passed.
final class CairnInstance {
  struct Outcome {
    var code: Int32
    var output: String
    var complaint: String
  }

  struct Problem: Error, CustomStringConvertible {
    let description: String
  }

  let directory: String
  /// What the daemons' environment has besides, or in the place of, the tests'.
  private let environment: [String: String]
  /// Where HAProxy serves its deployments.
  let servePort: UInt16
  private var cleanups: [() -> Void] = []
  private var daemons: Process?
  private(set) var log = ""

  var mount: String { directory + "/mount" }
  var configuration: String { directory + "/cairn.yaml" }
  /// Where it listens for TCP, if it does.
  let port: UInt16?
  var socket: String { directory + "/run/cairn.sock" }
  var daemonLog: String { directory + "/daemons.log" }

  /// Runs `body` with a new Cairn; throws what it throws, with the log.
  /// - Parameter listens: also for TCP, at ``port``.
  /// - Parameter asksForTokens: there.
  /// - Parameter gpus: UUIDs of GPUs that are only declared.
  /// - Parameter path: where the daemons look for programs first.
  static func with(
    listens: Bool = false, asksForTokens: Bool = true, gpus: [String] = [], path: String? = nil,
    _ body: (CairnInstance) throws -> Void
  ) throws {
    let instance = try CairnInstance(listens: listens, asksForTokens: asksForTokens, gpus: gpus, path: path)
    do {
      try instance.start()
      try body(instance)
      try instance.stop()
      instance.cleanUp()
    } catch {
      let messages = (try? String(contentsOfFile: instance.daemonLog, encoding: .utf8)) ?? ""
      instance.cleanUp()
      throw Problem(description: "\(error)\n--- commands\n\(instance.log)\n--- daemons\n\(messages)")
    }
  }

  private init(listens: Bool, asksForTokens: Bool, gpus: [String], path: String?) throws {
    guard geteuid() == 0 else { throw Problem(description: "these tests mount file systems: run them as root") }
    directory = "/tmp/cairn-cli." + UUID().uuidString.prefix(8)
    environment = path.map { ["PATH": $0 + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")] } ?? [:]
    // Below the range that the kernel gives out. One that is taken is told by the test's failure.
    servePort = UInt16.random(in: 20_000..<30_000)
    port = listens ? try Self.freePort() : nil
    try FileManager.default.createDirectory(atPath: directory + "/project", withIntermediateDirectories: true)
    cleanups.append { [directory] in try? FileManager.default.removeItem(atPath: directory) }
    try """
    run_dir: \(directory)/run
    storage:
      dir: \(directory)/storage
      mount: \(directory)/mount
      persistent_mount: null
    control:
      dir: \(directory)/control
      listen: \(port.map { "127.0.0.1:\($0)" } ?? "null")
      auth: \(asksForTokens ? "token" : "none")
      gpus: \(gpus.isEmpty ? "null" : "[" + gpus.map { "{uuid: \($0), memory: 1g}" }.joined(separator: ", ") + "]")
    deployments:
      listen: 127.0.0.1:\(servePort)
    """.write(toFile: configuration, atomically: true, encoding: .utf8)
    _ = FileManager.default.createFile(atPath: daemonLog, contents: nil)
  }

  /// A port that nobody uses now.
  static func freePort() throws -> UInt16 {
    let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
      }
    }
    guard code == 0 else { throw Problem(description: "no free port: \(errno)") }
    return UInt16(bigEndian: address.sin_port)
  }

  /// Starts the daemons and waits for the line that says that they are ready.
  func start() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.program("cairn"))
    process.arguments = ["system", "up", "--config", configuration]
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = try FileHandle(forWritingTo: URL(fileURLWithPath: daemonLog))
    try output.seekToEnd()
    process.standardOutput = output
    process.standardError = output
    let before = try String(contentsOfFile: daemonLog, encoding: .utf8).count
    try process.run()
    daemons = process
    cleanups.append { [weak self] in self?.killDaemons() }
    try eventually("Cairn is ready", within: 60) {
      guard process.isRunning else { throw Problem(description: "`cairn system up` ended at its start") }
      return try String(contentsOfFile: daemonLog, encoding: .utf8).dropFirst(before).contains("Cairn is ready")
    }
  }

  /// Ends the daemons as Ctrl-C does, and checks that nothing stays mounted.
  func stop() throws {
    guard let process = daemons else { return }
    daemons = nil
    process.interrupt()
    try eventually("`cairn system up` has ended", within: 90) { !process.isRunning }
    guard process.terminationStatus == 0 else {
      throw Problem(description: "`cairn system up` ended with \(process.terminationStatus)")
    }
    guard !(try mounts()).contains(directory) else { throw Problem(description: "something is still mounted") }
  }

  /// The mounts that this process sees. Not by String(contentsOfFile:), which reads one page of a file that claims to
  /// be empty.
  func mounts() throws -> String {
    let table = try FileHandle(forReadingAtPath: "/proc/self/mountinfo")?.readToEnd()
    guard let table, !table.isEmpty else { throw Problem(description: "/proc/self/mountinfo can't be read") }
    return String(decoding: table, as: UTF8.self)
  }

  private func killDaemons() {
    guard let process = daemons, process.isRunning else { return }
    process.terminate()
    for _ in 0..<600 where process.isRunning { usleep(100_000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    umount2(mount, Int32(MNT_DETACH))
  }

  private func cleanUp() {
    while let cleanup = cleanups.popLast() { cleanup() }
  }

  /// Runs the CLI to its end, by default in the project's directory.
  @discardableResult
  func cairn(_ arguments: String..., in workingDirectory: String? = nil) throws -> Outcome {
    let running = try begin(arguments, in: workingDirectory)
    return running.finish()
  }

  /// Starts the CLI and lets it run.
  func begin(_ arguments: [String], in workingDirectory: String? = nil) throws -> RunningCommand {
    log += "cairn " + arguments.joined(separator: " ") + "\n"
    let command = try RunningCommand(
      program: Self.program("cairn"), arguments: arguments, directory: workingDirectory ?? directory + "/project",
      environment: ["CAIRN_SOCKET": socket, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": directory])
    cleanups.append { command.kill() }
    return command
  }

  /// An answer of the CLI as JSON.
  func json(_ arguments: String...) throws -> [String: Any] {
    let outcome = try begin(arguments + ["--json"]).finish()
    guard outcome.code == 0,
      let value = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    else { throw Problem(description: "\(arguments): \(outcome)") }
    return value
  }

  /// What the API answers on its Unix socket.
  func call(_ method: String, _ target: String, _ body: String) throws -> String {
    try RunningCommand(
      program: "/usr/bin/curl",
      arguments: ["--silent", "--unix-socket", socket, "--request", method, "--data", body, "http://cairn" + target],
      directory: directory, environment: [:]
    ).finish().output
  }

  func state(of job: String) throws -> String? {
    (try json("job", "show", job)["job"] as? [String: Any])?["state"] as? String
  }

  /// A file of the project that jobs are started from.
  func write(_ content: String, to name: String) throws {
    try content.write(toFile: directory + "/project/" + name, atomically: false, encoding: .utf8)
  }

  /// Waits until `condition` holds.
  func eventually(_ what: String, within seconds: Double = 30, _ condition: () throws -> Bool) throws {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
      if try condition() { return }
      usleep(50_000)
    }
    throw Problem(description: "waited \(seconds) s in vain until: \(what)")
  }

  /// The programs lie beside the tests.
  static func program(_ name: String) -> String {
    let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
    return own.appendingPathComponent(name).path
  }
}

/// A command that runs; its output goes to files, so that it never waits for a reader.
final class RunningCommand {
  let process = Process()
  private let output: String
  private let complaint: String

  init(program: String, arguments: [String], directory: String, environment: [String: String]) throws {
    let base = NSTemporaryDirectory() + "/cairn-command." + UUID().uuidString
    output = base + ".out"
    complaint = base + ".err"
    _ = FileManager.default.createFile(atPath: output, contents: nil)
    _ = FileManager.default.createFile(atPath: complaint, contents: nil)
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = environment
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: complaint)
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    unlink(output)
    unlink(complaint)
  }

  var outputSoFar: String { String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self) }

  /// No command takes nearly as long; one that does is killed, so that its test fails instead of waiting for ever.
  private static let longest = 300.0

  func finish() -> CairnInstance.Outcome {
    let tooLong = DispatchWorkItem { [pid = process.processIdentifier] in _ = Glibc.kill(pid, SIGKILL) }
    DispatchQueue.global().asyncAfter(deadline: .now() + Self.longest, execute: tooLong)
    process.waitUntilExit()
    tooLong.cancel()
    return CairnInstance.Outcome(
      code: process.terminationStatus, output: outputSoFar,
      complaint: String(decoding: FileManager.default.contents(atPath: complaint) ?? Data(), as: UTF8.self))
  }

  func kill() {
    if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
  }
}
