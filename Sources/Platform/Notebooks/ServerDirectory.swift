import ControlDatabase
import FoundationEssentials
import Glibc
import Linux

/// The directory that a server in a job shares with the daemon: its socket lies in it, and what it is started with.
///
/// Whoever the server runs as may write to it; on the host nobody but root comes through the directory above. It is on a
/// disk and not under /run, whose memory a container could fill; the length of its path is no matter, because sockets are
/// reached through open directories.
struct ServerDirectory: Sendable {
  /// Where the container sees it.
  static let mountPoint = "/run/cairn"
  static let program = "start.py"

  /// Holds those of all jobs.
  let parent: String
  let job: String

  var path: String { "\(parent)/\(job)" }
  var socket: String { path + "/server.sock" }
  var mounted: MountedDirectory { MountedDirectory(path, at: Self.mountPoint) }

  /// Makes it, with a program and the secret that the server asks for.
  func prepare(program: [UInt8], token: String?) throws {
    try FileManager.default.createDirectory(
      atPath: parent, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    guard chmod(parent, 0o700) == 0 else { throw SystemError("chmod", parent) }
    if mkdir(path, 0o777) != 0 && errno != EEXIST { throw SystemError("mkdir", path) }
    guard chmod(path, 0o777) == 0 else { throw SystemError("chmod", path) }
    try write(program, to: Self.program)
    if let token { try write(Array(token.utf8), to: "token") }
  }

  func remove() throws {
    if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
  }

  /// Through no link that a container may have left.
  private func write(_ bytes: [UInt8], to name: String) throws {
    let file = "\(path)/\(name)"
    if unlink(file) != 0 && errno != ENOENT { throw SystemError("unlink", file) }
    let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw SystemError("open", file) }
    defer { close(descriptor) }
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw SystemError("write", file) }
  }
}

/// A server in a job, as a proxy reaches it.
public struct ReachableServer: Sendable {
  /// The path of its socket, which is not to be trusted.
  public var socket: String
  /// What it is to be told in the place of the client's credentials; nil: nothing.
  public var authorization: String?
}
