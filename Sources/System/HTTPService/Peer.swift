import Glibc

/// The process at the other end of a Unix socket, as it was when it connected.
public struct Peer: Equatable, Sendable {
  public let pid: Int32
  public let uid: UInt32
  public let gid: UInt32
  /// Its supplementary groups.
  let groups: [UInt32]

  /// Asks the kernel, which no client can deceive; nil where it doesn't tell.
  init?(of descriptor: Int32) {
    // struct ucred, which Swift's Glibc doesn't show: pid, uid, gid.
    var credentials: (Int32, UInt32, UInt32) = (0, 0, 0)
    var size = socklen_t(MemoryLayout.size(ofValue: credentials))
    guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0,
      size == MemoryLayout.size(ofValue: credentials)
    else { return nil }
    (pid, uid, gid) = credentials
    groups = Self.groups(of: descriptor)
  }

  init(pid: Int32, uid: UInt32, gid: UInt32, groups: [UInt32]) {
    self.pid = pid
    self.uid = uid
    self.gid = gid
    self.groups = groups
  }

  private static func groups(of descriptor: Int32) -> [UInt32] {
    var groups = [UInt32](repeating: 0, count: 64)
    while true {
      var size = socklen_t(groups.count * MemoryLayout<UInt32>.size)
      if getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, &groups, &size) == 0 {
        return Array(groups.prefix(Int(size) / MemoryLayout<UInt32>.size))
      }
      let needed = Int(size) / MemoryLayout<UInt32>.size
      // ERANGE: the kernel has said how many there are. No process has more than NGROUPS_MAX.
      guard errno == ERANGE, needed > groups.count, needed <= 65_536 else { return [] }
      groups = [UInt32](repeating: 0, count: needed)
    }
  }

  /// Whether it is root, the daemon's own user, or a member of `group`.
  func isTrusted(owner: UInt32, group: UInt32?) -> Bool {
    if uid == 0 || uid == owner { return true }
    guard let group else { return false }
    return gid == group || groups.contains(group)
  }
}
