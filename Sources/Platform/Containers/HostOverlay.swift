import Glibc
import Linux

/// The host's root file system as a container's: what the container writes goes to a directory of its
/// own, and the host stays as it is.
///
/// An overlay of `/` shows that one file system and nothing that is mounted in it. The host's other file systems on
/// disks are added read-only; /proc, /sys, /dev, /run, and Cairn's mount are not the host's in it.
public struct HostOverlay: Sendable {
  /// Holds all that belongs to it; must be on a file system that overlays can write to.
  private let directory: String

  public init(directory: String) { self.directory = directory }

  /// What the container gets as its root.
  public var root: String { directory + "/root" }
  private var upper: String { directory + "/upper" }
  private var work: String { directory + "/work" }
  private var temporary: String { directory + "/tmp" }

  /// Mounts it.
  /// - Throws: `SystemError`
  public func mount() throws {
    for path in [root, upper, work, temporary] { try makeDirectories(path) }
    chmod(temporary, 0o1777)
    let options = "lowerdir=/,upperdir=\(Self.escape(upper)),workdir=\(Self.escape(work))"
    guard Glibc.mount("overlay", root, "overlay", UInt(MS_NOATIME), options) == 0 else {
      throw SystemError("mount overlay of / with changes in", directory)
    }
  }

  /// Unmounts it and deletes what was written to it. Does nothing if there is none.
  public func remove() async throws {
    guard access(directory, F_OK) == 0 else { return }
    if umount2(root, 0) != 0 && errno != EINVAL && errno != ENOENT { throw SystemError("umount", root) }
    // In a process of its own, as it may take a while; --one-file-system lest a mount be emptied.
    _ = try await Command.run(["rm", "-rf", "--one-file-system", directory], timeLimit: .seconds(600))
  }

  /// The mounts that make it like the host, less what a job must not see.
  /// - Parameter masked: directories that are empty in it.
  public func mounts(masking masked: [String]) -> [ContainerSpecification.Mount] {
    let table = MountEntry.parse(readFile("/proc/self/mountinfo") ?? "")
    let hidden = (Self.alwaysMasked + Self.keyDirectories() + masked).filter { Self.isDirectory($0) }
    // In the place of a file something that is always empty.
    let files = masked.filter { access($0, F_OK) == 0 && !Self.isDirectory($0) }
    return Self.mounts(table: table, hidden: hidden)
      + files.map { .init(.directory("/dev/null", readOnly: true), at: $0) }
      // Sockets and secrets of others lie in the host's; what is written to it should lie on a disk.
      + ["/tmp", "/var/tmp"].map { .init(.directory(temporary, readOnly: false), at: $0) }
  }

  static func mounts(table: [MountEntry], hidden: [String]) -> [ContainerSpecification.Mount] {
    func lies(_ path: String, in parents: [String]) -> Bool {
      parents.contains { path == $0 || path.hasPrefix($0 + "/") }
    }
    let others = table.filter {
      diskFileSystems.contains($0.fileSystem) && $0.mountPoint != "/"
        && !lies($0.mountPoint, in: hidden + notShared)
    }
    let masks = Set(hidden).filter { path in
      !lies(path, in: hidden.filter { $0 != path } + ["/tmp", "/var/tmp"])
    }
    return Set(others.map(\.mountPoint)).sorted().map { .init(.directory($0, readOnly: true), at: $0) }
      + masks.sorted().map { .init(.empty, at: $0) }
  }

  private static let diskFileSystems: Set<String> = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "nfs", "nfs4", "virtiofs", "9p",
  ]

  /// Containers have their own of the first, and no use for the others.
  private static let notShared = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/boot"]

  /// Sockets, the host's keys, other containers with their environment.
  private static let alwaysMasked = ["/run", "/etc/ssh", "/root/.ssh", "/var/lib/containers", "/var/lib/docker"]

  private static func keyDirectories() -> [String] {
    guard let homes = opendir("/home") else { return [] }
    defer { closedir(homes) }
    var directories: [String] = []
    while let entry = readdir(homes) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { directories.append("/home/\(name)/.ssh") }
    }
    return directories
  }

  private static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Commas and colons mean something in the options of an overlay.
  private static func escape(_ path: String) -> String {
    var escaped = ""
    for character in path {
      if "\\,:".contains(character) { escaped.append("\\") }
      escaped.append(character)
    }
    return escaped
  }
}
