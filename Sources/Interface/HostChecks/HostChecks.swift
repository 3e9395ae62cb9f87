public import API
import Glibc
import Linux

/// Looks at what this host offers to Cairn's storage and to GPUs. What containers need is found out by
/// `Containers`, by trying.
public struct HostChecks: Sendable {
  /// Where the store is or will be.
  private let storageDirectory: String

  public init(storageDirectory: String) { self.storageDirectory = storageDirectory }

  /// Everything, in the order in which a person would mend it. Blocks for a few file-system calls.
  public func findings() -> [DoctorReport.Finding] {
    [user(), kernel(), fuseDevice(), fuseLibrary(), fuseHelper(), overlay(), disk(), proxy()] + gpus()
  }

  private func user() -> DoctorReport.Finding {
    geteuid() == 0
      ? DoctorReport.Finding(.ok, "user", "root")
      : DoctorReport.Finding(
        .warn, "user", "not root: some of what follows cannot be seen, and the daemons must run as root",
        remedy: "sudo cairn system doctor")
  }

  private func kernel() -> DoctorReport.Finding {
    var name = utsname()
    uname(&name)
    let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return Self.kernel(release: release)
  }

  /// The oldest kernel that Debian 12 has is the oldest that Cairn is tried on.
  static func kernel(release: String) -> DoctorReport.Finding {
    let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
    if numbers.count == 2, (numbers[0], numbers[1]) >= (6, 1) {
      return DoctorReport.Finding(.ok, "kernel", release)
    }
    return DoctorReport.Finding(
      .fail, "kernel", "\(release): 6.1 or later is needed", remedy: "apt-get install linux-image-amd64 && reboot")
  }

  private func fuseDevice() -> DoctorReport.Finding {
    let descriptor = open("/dev/fuse", O_RDWR | O_CLOEXEC)
    if descriptor >= 0 {
      close(descriptor)
      return DoctorReport.Finding(.ok, "/dev/fuse", "can be opened")
    }
    return DoctorReport.Finding(
      .fail, "/dev/fuse", "cannot be opened: \(String(cString: strerror(errno)))", remedy: "modprobe fuse")
  }

  /// Loaded rather than linked: the program that says that it is missing must start without it.
  private func fuseLibrary() -> DoctorReport.Finding {
    let missing = DoctorReport.Finding(
      .fail, "libfuse", "libfuse3.so.3 cannot be loaded", remedy: "apt-get install libfuse3-3")
    guard let library = dlopen("libfuse3.so.3", RTLD_NOW) else { return missing }
    defer { dlclose(library) }
    guard let symbol = dlsym(library, "fuse_pkgversion") else { return missing }
    let version = unsafeBitCast(symbol, to: (@convention(c) () -> UnsafePointer<CChar>).self)
    return DoctorReport.Finding(.ok, "libfuse", String(cString: version()))
  }

  private func proxy() -> DoctorReport.Finding {
    if let path = findProgram("haproxy") { return DoctorReport.Finding(.ok, "haproxy", path) }
    return DoctorReport.Finding(
      .warn, "haproxy", "not found: deployments can't be served", remedy: "apt-get install haproxy")
  }

  private func fuseHelper() -> DoctorReport.Finding {
    if let path = findProgram("fusermount3") { return DoctorReport.Finding(.ok, "fusermount3", path) }
    return DoctorReport.Finding(
      .warn, "fusermount3", "not found: a mount that a crash left behind cannot be cleaned without root's umount",
      remedy: "apt-get install fuse3")
  }

  private func overlay() -> DoctorReport.Finding {
    let known = (contents("/proc/filesystems") ?? "").split(separator: "\n").contains { $0.hasSuffix("\toverlay") }
    if known { return DoctorReport.Finding(.ok, "overlay", "known to the kernel") }
    return DoctorReport.Finding(
      .fail, "overlay", "the kernel does not have the overlay file system (yet): no `--image host` without it",
      remedy: "modprobe overlay")
  }

  private func disk() -> DoctorReport.Finding {
    // The directory may not be there yet: then the one above it tells.
    var directory = storageDirectory[...]
    var status = statvfs()
    while statvfs(directory.isEmpty ? "/" : String(directory), &status) != 0 {
      guard let slash = directory.lastIndex(of: "/") else {
        return DoctorReport.Finding(.warn, "disk", "\(storageDirectory) cannot be looked at")
      }
      directory = directory[..<slash]
    }
    let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
    let gibibytes = free >> 30
    let message = "\(gibibytes) GiB free for \(storageDirectory)"
    if gibibytes >= 10 { return DoctorReport.Finding(.ok, "disk", message) }
    let remedy = "move storage.dir in /etc/cairn/cairn.yaml to a larger disk"
    return DoctorReport.Finding(free >= 1 << 30 ? .warn : .fail, "disk", message, remedy: remedy)
  }

  private func gpus() -> [DoctorReport.Finding] {
    guard access("/dev/nvidiactl", F_OK) == 0 else {
      return [DoctorReport.Finding(.ok, "GPUs", "none; jobs that ask for one are refused")]
    }
    var findings = [
      findProgram("nvidia-smi").map { DoctorReport.Finding(.ok, "GPUs", "NVIDIA; \($0)") }
        ?? DoctorReport.Finding(
          .fail, "GPUs", "there are NVIDIA devices, but no nvidia-smi to ask", remedy: "apt-get install nvidia-smi")
    ]
    let directories = ["/etc/cdi", "/var/run/cdi"]
    if directories.contains(where: hasSpecification) {
      findings.append(DoctorReport.Finding(.ok, "CDI", "a specification is there"))
    } else {
      findings.append(
        DoctorReport.Finding(
          .fail, "CDI", "no specification in \(directories.joined(separator: " or ")): containers get no GPU",
          remedy: "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"))
    }
    return findings
  }

  private func hasSpecification(_ directory: String) -> Bool {
    guard let stream = opendir(directory) else { return false }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasSuffix(".yaml") || name.hasSuffix(".json") { return true }
    }
    return false
  }

  private func contents(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { return nil }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(descriptor, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
  }
}

/// The path of a program that PATH leads to.
public func findProgram(_ name: String) -> String? {
  let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
  return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
}
