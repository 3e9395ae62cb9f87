import Foundation
import Glibc
import Linux
import StorageAPI
import UnixHTTP

/// A cairnfsd with a store, a mount and sockets in a directory of its own.
final class StorageDaemon {
  let directory: String
  private var process: Process?

  var mount: String { directory + "/mount" }
  var persistent: String { directory + "/persistent" }
  var log: String { directory + "/log" }
  var client: StorageClient { StorageClient(socket: directory + "/run/storage.sock") }
  /// The process that was started: the keeper of the mount.
  var keeper: pid_t { process?.processIdentifier ?? 0 }

  init() throws {
    directory = "/tmp/cairn-service.\(getpid()).\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let text = """
      run_dir: \(directory)/run
      storage:
        dir: \(directory)/store
        mount: \(directory)/mount
        persistent_mount: \(directory)/persistent
      """
    try text.write(toFile: directory + "/cairn.yaml", atomically: true, encoding: .utf8)
  }

  /// A cairnfsd with this configuration; its messages go to the log.
  func spawn() throws -> Process {
    let process = Process()
    // The daemon lies beside the tests.
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    process.executableURL = URL(filePath: tests).deletingLastPathComponent().appending(path: "cairnfsd")
    process.arguments = ["--config", directory + "/cairn.yaml"]
    let descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw SystemError("open", log) }
    process.standardError = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try process.run()
    return process
  }

  /// Starts it and waits until it answers.
  func start() async throws {
    let process = try spawn()
    self.process = process
    try await eventually("the daemon answers") {
      guard process.isRunning else { return false }
      return (try? await client.information()) != nil
    }
  }

  /// The number of the process that serves.
  func server() async throws -> pid_t { try await client.information().pid }

  /// Sends a signal and waits for the end. Returns the exit code.
  func stop(_ signal: Int32 = SIGTERM) async throws -> Int32 {
    guard let process else { return -1 }
    kill(process.processIdentifier, signal)
    try await eventually("the daemon ends", seconds: 60) { !process.isRunning }
    self.process = nil
    return process.terminationStatus
  }

  var mounts: [String] {
    // String(contentsOfFile:) reads the first 4 KiB of a file in /proc and takes that for all.
    let file = FileHandle(forReadingAtPath: "/proc/self/mountinfo")
    let table = String(decoding: (try? file?.readToEnd()) ?? Data(), as: UTF8.self)
    return table.split(separator: "\n").map(String.init).filter { $0.contains(directory) }
  }

  var messages: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

  /// Leaves nothing behind, whatever the test did.
  func remove() {
    if let process, process.isRunning { kill(process.processIdentifier, SIGKILL) }
    usleep(200_000)
    for path in [persistent, mount] { while umount2(path, Int32(MNT_DETACH)) == 0 {} }
    try? FileManager.default.removeItem(atPath: directory)
  }
}

struct NeverHappened: Error, CustomStringConvertible {
  let description: String
}

/// Waits until `condition` holds.
func eventually(_ what: String, seconds: Double = 30, _ condition: () async -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while await !condition() {
    guard ContinuousClock.now < deadline else { throw NeverHappened(description: "it never came that \(what)") }
    try await Task.sleep(for: .milliseconds(20))
  }
}
