import Glibc
import Linux
import MountCalls

/// A store in a directory of its own, mounted through the kernel by a `mount-server`.
///
/// Throws, and so fails the test, where that can't be had: without root or `/dev/fuse`.
final class MountedStore {
  /// Holds the store and the mount point.
  let base: String
  /// A directory on the mount to work in.
  let root: String
  private let server: pid_t
  private let commands: UnsafeMutablePointer<FILE>

  init(base: String) throws {
    self.base = base
    root = base + "/mount/storage"
    var pair: [Int32] = [0, 0]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    try check(socketpair(AF_UNIX, type, 0, &pair), "socketpair", "")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO)
    server = try spawnServer(["serve", base + "/store", base + "/mount"], &actions)
    Glibc.close(pair[1])
    commands = fdopen(pair[0], "r+")
    guard answer() == "ready" else { throw TestFailure("mount-server did not mount; it says why above.") }
    try check(chmod(root, 0o777), "chmod", root)
  }

  /// Sends a command to the server and returns its answer.
  func command(_ text: String) throws -> String {
    let line = text + "\n"
    try check(write(fileno(commands), line, line.utf8.count), "write", "mount-server")
    guard let answer = answer() else { throw TestFailure("mount-server ended at `\(text)`.") }
    return answer
  }

  private func answer() -> String? {
    var line = [CChar](repeating: 0, count: 65_536)
    guard fgets(&line, Int32(line.count), commands) != nil else { return nil }
    return String(line.prefix { $0 != 10 }.map { Character(UnicodeScalar(UInt8($0))) })
  }

  func close() {
    fclose(commands)
    var status: Int32 = 0
    waitpid(server, &status, 0)
    _ = try? shell("umount -l \(base)/mount 2>/dev/null; rm -rf \(base)")
  }

  func path(_ name: String) -> String { root + "/" + name }
}

/// Starts `mount-server`, which SwiftPM builds beside the bundle that holds the tests.
func spawnServer(_ arguments: [String], _ actions: UnsafePointer<posix_spawn_file_actions_t>?) throws -> pid_t {
  let tests = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
  let program: String = tests.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/mount-server"
  guard access(program, X_OK) == 0 else { throw TestFailure("\(program) is missing: build it first.") }
  let words: [String] = [program] + arguments
  var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
  defer { for pointer in pointers { free(pointer) } }
  pointers.append(nil)
  var process: pid_t = 0
  let code = posix_spawn(&process, program, actions, nil, pointers, nil)
  if code != 0 { throw SystemError("posix_spawn", program, code) }
  return process
}

/// Mounts a new store, lets `body` use it, and unmounts.
func withMount(_ body: (MountedStore) throws -> Void) throws {
  let base = try makeTemporaryDirectory()
  try shell("mkdir \(base)/store \(base)/mount")
  let store = try MountedStore(base: base)
  defer { store.close() }
  try body(store)
}

func makeTemporaryDirectory() throws -> String {
  guard geteuid() == 0 else { throw TestFailure("These tests mount a file system: run them as root.") }
  var template = Array("/tmp/cairn-mount.XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", "/tmp") }
  let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  chmod(path, 0o755)
  return path
}

struct TestFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Throws what `errno` says where a call returned -1.
@discardableResult
func check<Number: BinaryInteger>(_ result: Number, _ call: String, _ subject: String) throws -> Number {
  if result < 0 { throw SystemError(call, subject) }
  return result
}

/// The errno that a call left, or 0 where it succeeded.
func errorCode<Number: BinaryInteger>(_ call: () -> Number) -> Int32 {
  errno = 0
  return call() < 0 ? errno : 0
}

/// The errno of opening `path`, or 0. What was opened is closed.
func openError(_ path: String, _ flags: Int32, _ mode: mode_t = 0o644) -> Int32 {
  let descriptor = open(path, flags | O_CLOEXEC, mode)
  if descriptor < 0 { return errno }
  close(descriptor)
  return 0
}

func status(_ path: String) throws -> stat {
  var result = stat()
  try check(lstat(path, &result), "lstat", path)
  return result
}

func status(_ descriptor: Int32) throws -> stat {
  var result = stat()
  try check(fstat(descriptor, &result), "fstat", "\(descriptor)")
  return result
}

func permissions(_ path: String) throws -> UInt32 { try status(path).st_mode & 0o7777 }

/// Opens, lets `body` work, and closes.
func withFile<Result>(
  _ path: String, _ flags: Int32 = O_RDWR | O_CREAT, _ mode: mode_t = 0o644, _ body: (Int32) throws -> Result
) throws -> Result {
  let descriptor = try check(open(path, flags | O_CLOEXEC, mode), "open", path)
  defer { close(descriptor) }
  return try body(descriptor)
}

func writeFile(_ path: String, _ content: [UInt8]) throws {
  try withFile(path, O_WRONLY | O_CREAT | O_TRUNC) { try writeAll($0, content, at: 0) }
}

func writeFile(_ path: String, _ content: String) throws { try writeFile(path, Array(content.utf8)) }

func writeAll(_ descriptor: Int32, _ content: [UInt8], at offset: Int) throws {
  var done = 0
  while done < content.count {
    done += try content.withUnsafeBytes {
      try check(pwrite(descriptor, $0.baseAddress! + done, content.count - done, off_t(offset + done)), "pwrite", "")
    }
  }
}

func readRange(_ descriptor: Int32, at offset: Int, count: Int) throws -> [UInt8] {
  var result = [UInt8](repeating: 0, count: count)
  var done = 0
  while done < count {
    let got = try result.withUnsafeMutableBytes {
      try check(pread(descriptor, $0.baseAddress! + done, count - done, off_t(offset + done)), "pread", "")
    }
    if got == 0 { break }
    done += got
  }
  return Array(result[..<done])
}

func readFile(_ path: String) throws -> [UInt8] {
  try withFile(path, O_RDONLY) { try readRange($0, at: 0, count: Int(try status($0).st_size)) }
}

func text(_ path: String) throws -> String { String(decoding: try readFile(path), as: UTF8.self) }

/// The names in a directory, sorted, without `.` and `..`.
func names(_ directory: String) throws -> [String] {
  guard let stream = opendir(directory) else { throw SystemError("opendir", directory) }
  defer { closedir(stream) }
  var result: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != "." && name != ".." { result.append(name) }
  }
  return result.sorted()
}

/// What a shell command writes. Throws where it fails, with what it wrote.
@discardableResult
func shell(_ command: String) throws -> String {
  guard let pipe = popen("{ \(command) ; } 2>&1", "re") else { throw SystemError("popen", command) }
  var output: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = fread(&buffer, 1, buffer.count, pipe)
    if count == 0 { break }
    output.append(contentsOf: buffer[..<count])
  }
  let status = pclose(pipe)
  let text = String(decoding: output, as: UTF8.self)
  if status != 0 { throw TestFailure("`\(command)` ended with status \(status): \(text)") }
  return text
}

/// Runs `body` on a thread of its own that acts on files as an unprivileged user.
func asUser<Result: Sendable>(_ uid: UInt32, _ body: @escaping @Sendable () -> Result) -> Result {
  let answer = Monitor<Result?>(nil)
  _ = WorkerThread(name: "user-\(uid)") {
    call_become(uid, uid)
    let result = body()
    answer.withLock { $0 = result }
    answer.wakeAll()
  }
  return answer.wait { $0 }!
}

/// Bytes that compress and deduplicate badly, the same for the same seed.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return UInt8(truncatingIfNeeded: state >> 32)
  }
}
