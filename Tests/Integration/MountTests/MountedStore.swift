import Catalog
import FileSystem
import Fuse
import Glibc
import Linux
import MountCalls
import Testing

/// A store in a directory of its own, mounted through the kernel by a server in this process.
///
/// Throws, and so fails the test, where that can't be had: without root or `/dev/fuse`.
final class MountedStore {
  /// Holds the store and the mount point.
  let base: String
  /// A directory on the mount to work in.
  let root: String
  let fileSystem: FileSystem
  let server: FuseServer

  init() throws {
    base = try makeTemporaryDirectory()
    try check(mkdir(base + "/store", 0o700), "mkdir", base + "/store")
    try check(mkdir(base + "/mount", 0o755), "mkdir", base + "/mount")
    fileSystem = try FileSystem(disk: LocalDisk(root: base + "/store"))
    _ = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
    server = try FuseServer(fileSystem: fileSystem, mountPoint: base + "/mount")
    server.start()
    root = base + "/mount/storage"
    try check(chmod(root, 0o777), "chmod", root)
  }

  func close() {
    server.stop()
    fileSystem.close()
    _ = try? shell("rm -rf \(base)")
  }

  func path(_ name: String) -> String { root + "/" + name }
}

/// Mounts a new store, lets `body` use it, and unmounts.
func withMount(_ body: (MountedStore) throws -> Void) throws {
  let store = try MountedStore()
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
