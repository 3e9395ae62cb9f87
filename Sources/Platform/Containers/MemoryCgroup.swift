import Glibc

/// A control group around a container's own, where cgroups are of version 1.
///
/// There podman 4.3 never says that a container was killed for want of memory: its monitor looks when
/// the group has gone (measured: `OOMKilled` false ten times out of ten). A group around it stays, and with
/// it the most memory that it has ever held.
struct MemoryCgroup {
  private static let root = "/sys/fs/cgroup"

  let container: String
  /// What podman is told.
  var parent: String { "/cairn/\(container)" }

  /// nil where podman's own word is good.
  init?(container: String, host: HostReport) {
    guard host.cgroupMode == .hybrid, host.limitsMemory, host.cgroupManager == "cgroupfs" else { return nil }
    self.container = container
  }

  /// Whether the container has held all the memory that it was allowed.
  func reached(limit: UInt64) -> Bool {
    guard let text = readFile("\(Self.root)/memory\(parent)/memory.max_usage_in_bytes"),
      let most = UInt64(text.trimmed)
    else { return false }
    // The kernel kills when a charge does not fit, so the most held is below the limit by up to a
    // huge page and what each processor has charged in advance.
    return most + (4 << 20) >= limit
  }

  func remove() {
    guard let controllers = opendir(Self.root) else { return }
    defer { closedir(controllers) }
    while let entry = readdir(controllers) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard !name.hasPrefix(".") else { continue }
      // podman's monitor lives beside the container. What is busy is left to the next attempt; what
      // is not there is what was wanted.
      _ = rmdir("\(Self.root)/\(name)\(parent)/conmon")
      _ = rmdir("\(Self.root)/\(name)\(parent)")
    }
  }
}
