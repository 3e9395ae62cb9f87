import Glibc

/// A mount as the kernel has it, whether somebody serves it or not: as long as one process holds the
/// descriptor, what programs ask of it waits.
public struct KernelMount: Sendable {
  /// The absolute path, links resolved.
  public let mountPoint: String
  /// The open `/dev/fuse`.
  public let descriptor: Int32
  let record: InitRecord
  /// Nobody has served it before: the kernel refers to no inode yet.
  public let isNew: Bool

  /// Mounts at an existing directory and agrees with the kernel on the protocol. A dead mount that is
  /// found there is detached.
  public init(at path: String, source: String) throws(FuseError) {
    mountPoint = try Mount.canonicalPath(path)
    isNew = true
    try Mount.clear(mountPoint)
    descriptor = try Mount.make(at: mountPoint, source: source, maxRead: Negotiation.maxWrite)
    do throws(FuseError) {
      record = try InitRecord.receive(from: descriptor)
    } catch {
      close(descriptor)
      umount2(mountPoint, Int32(MNT_DETACH))
      throw error
    }
  }

  /// A mount that another process made.
  public init(mountPoint: String, descriptor: Int32, recordedInit: [UInt8], isNew: Bool) throws(FuseError) {
    guard let record = InitRecord(bytes: recordedInit) else {
      throw FuseError(.refused, "The record of how \(mountPoint) was mounted is damaged: mount anew.")
    }
    self.mountPoint = mountPoint
    self.descriptor = descriptor
    self.record = record
    self.isNew = isNew
  }

  /// What another process needs, besides the descriptor and the path, to serve the mount.
  public var recordedInit: [UInt8] { record.bytes }

  /// Whether the kernel still has it: nobody has unmounted it, nor cut its connection.
  var isConnected: Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) >= 0 && entry.revents & Int16(POLLERR) == 0
  }

  /// Ends a mount that nobody serves: what waits for an answer fails with ENOTCONN.
  func abandon() {
    // Closed first: unmounting may write back changed pages, which nobody would take any more.
    close(descriptor)
    umount2(mountPoint, Int32(MNT_DETACH))
  }
}
