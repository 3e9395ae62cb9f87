import CFuse3
import CFuseShim
import Catalog
import FileSystem
import Glibc

// Attributes as the protocol's structures have them.

/// How long the kernel may believe what it was told, in seconds: a day. Nobody changes a file behind
/// its back, and what the volume service changes is announced by the invalidator.
let cacheSeconds: UInt64 = 86_400

/// What `st_blksize` says. Programs that buffer (C's stdio, Python) size their buffers by it, and each
/// buffer written is one request: with 64 KiB there are 16 times fewer than with 4 KiB.
private let preferredBlockSize: UInt32 = 65_536

private let nanosecondsPerSecond: Int64 = 1_000_000_000

/// Splits nanoseconds since 1970 so that the fraction is never negative.
private func split(_ time: Int64) -> (seconds: Int64, nanoseconds: UInt32) {
  let nanoseconds = time % nanosecondsPerSecond
  let borrow: Int64 = nanoseconds < 0 ? 1 : 0
  return (time / nanosecondsPerSecond - borrow, UInt32(nanoseconds + borrow * nanosecondsPerSecond))
}

/// The inverse of `split`; out of range clamps, as ext4 does with times it can't store.
func nanoseconds(_ seconds: UInt64, _ nanoseconds: UInt32) -> Int64 {
  let whole = Int64(bitPattern: seconds)
  let (product, overflow) = whole.multipliedReportingOverflow(by: nanosecondsPerSecond)
  if overflow { return whole < 0 ? .min : .max }
  let (sum, sumOverflow) = product.addingReportingOverflow(Int64(nanoseconds))
  return sumOverflow ? .max : sum
}

extension fuse_attr {
  init(_ attributes: Attributes) {
    self.init()
    ino = attributes.node.rawValue
    size = attributes.size
    blocks = (attributes.allocated + 511) / 512
    let accessed = split(attributes.accessed)
    let modified = split(attributes.modified)
    let changed = split(attributes.changed)
    atime = UInt64(bitPattern: accessed.seconds)
    atimensec = accessed.nanoseconds
    mtime = UInt64(bitPattern: modified.seconds)
    mtimensec = modified.nanoseconds
    ctime = UInt64(bitPattern: changed.seconds)
    ctimensec = changed.nanoseconds
    mode = attributes.mode
    nlink = attributes.linkCount
    uid = attributes.uid
    gid = attributes.gid
    // The kernel's 32-bit encoding is the lower half of st_rdev for every device Linux can have.
    rdev = UInt32(truncatingIfNeeded: attributes.device)
    blksize = preferredBlockSize
  }
}

extension fuse_attr_out {
  init(_ attributes: Attributes) {
    self.init()
    attr_valid = cacheSeconds
    attr = fuse_attr(attributes)
  }
}

extension fuse_entry_out {
  /// The generation stays 0: node numbers are never used twice.
  init(_ attributes: Attributes) {
    self.init()
    nodeid = attributes.node.rawValue
    entry_valid = cacheSeconds
    attr_valid = cacheSeconds
    attr = fuse_attr(attributes)
  }

  /// Says that there is no such name, and that the kernel may remember so.
  static var absent: fuse_entry_out {
    var entry = fuse_entry_out()
    entry.entry_valid = cacheSeconds
    return entry
  }
}

extension cairn_fuse_sx_time {
  fileprivate init(_ time: Int64) {
    self.init()
    let parts = split(time)
    tv_sec = parts.seconds
    tv_nsec = parts.nanoseconds
  }
}

extension cairn_fuse_statx_out {
  /// STATX_BASIC_STATS and STATX_BTIME.
  private static let fieldsGiven: UInt32 = 0xFFF

  init(_ attributes: Attributes) {
    self.init()
    attr_valid = cacheSeconds
    stat.mask = cairn_fuse_statx_out.fieldsGiven
    stat.blksize = preferredBlockSize
    stat.nlink = attributes.linkCount
    stat.uid = attributes.uid
    stat.gid = attributes.gid
    stat.mode = UInt16(truncatingIfNeeded: attributes.mode)
    stat.ino = attributes.node.rawValue
    stat.size = attributes.size
    stat.blocks = (attributes.allocated + 511) / 512
    stat.atime = cairn_fuse_sx_time(attributes.accessed)
    stat.btime = cairn_fuse_sx_time(attributes.born)
    stat.ctime = cairn_fuse_sx_time(attributes.changed)
    stat.mtime = cairn_fuse_sx_time(attributes.modified)
    stat.rdev_major = UInt32(attributes.device >> 8 & 0xFFF)
    stat.rdev_minor = UInt32(attributes.device & 0xFF | attributes.device >> 12 & 0xFFF00)
  }
}

extension fuse_statfs_out {
  private static let blockSize: UInt64 = 4096

  init(_ space: SpaceInformation) {
    self.init()
    st.bsize = UInt32(fuse_statfs_out.blockSize)
    st.frsize = UInt32(fuse_statfs_out.blockSize)
    st.blocks = space.totalBytes / fuse_statfs_out.blockSize
    st.bfree = space.freeBytes / fuse_statfs_out.blockSize
    st.bavail = st.bfree
    st.files = space.totalInodes
    st.ffree = space.freeInodes
    st.namelen = 255
  }
}
