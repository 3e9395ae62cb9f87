public import Glibc
import Linux

/// A directory in memory for what a container is given and no disk is to see.
public struct SecretFiles: Sendable {
  /// Where it is mounted.
  public let directory: String

  public init(directory: String) { self.directory = directory }

  /// For the container's environment.
  public var environment: String { directory + "/environment" }
  /// For the credentials of a registry.
  public var registry: String { directory + "/registry.json" }

  /// The file of the secret with this number.
  public func file(_ number: Int) -> String { "\(directory)/\(number)" }

  /// Makes it anew, with these files in it.
  public func make(_ values: [[UInt8]]) throws {
    try remove()
    let parent = directory.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    guard mkdir(parent, 0o700) == 0 || errno == EEXIST else { throw SystemError("mkdir", parent) }
    guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw SystemError("mkdir", directory) }
    // Swap is a disk, too; only kernels since 6.4 can keep it away.
    let flags = UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    guard
      mount("cairn-secrets", directory, "tmpfs", flags, "mode=0700,size=16m,noswap") == 0
        || mount("cairn-secrets", directory, "tmpfs", flags, "mode=0700,size=16m") == 0
    else { throw SystemError("mount a tmpfs for secrets at", directory) }
    for (number, value) in values.enumerated() {
      // Whoever the user in the container is, it reads it; on the host only root gets into the directory.
      try write(value, to: file(number), mode: 0o444)
    }
  }

  public func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw SystemError("open", path) }
    defer { close(descriptor) }
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fchmod(descriptor, mode) == 0 else {
      throw SystemError("write", path)
    }
  }

  /// Does nothing if there is none.
  public func remove() throws {
    guard access(directory, F_OK) == 0 else { return }
    // As often as it was mounted; a container that is on its way out may still hold one.
    while umount2(directory, Int32(MNT_DETACH)) == 0 {}
    guard errno == EINVAL || errno == ENOENT else { throw SystemError("umount", directory) }
    guard rmdir(directory) == 0 || errno == ENOENT else { throw SystemError("rmdir", directory) }
  }
}
