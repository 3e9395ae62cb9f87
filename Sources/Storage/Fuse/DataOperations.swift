import CFuse3
import CFuseShim
import CLinux
import Catalog
import FileSystem
import Glibc

// The content of files. Handles in the requests are not looked at: there are none.

extension RequestHandler {
  func read(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let range = try arguments.take(fuse_read_in.self)
    guard Int(range.size) <= reply.payload.count else { throw POSIXError(EINVAL) }
    let buffer = UnsafeMutableRawBufferPointer(rebasing: reply.payload[..<Int(range.size)])
    return try fileSystem.read(request.node, offset: range.offset, into: buffer)
  }

  /// The bytes go to the file system where the kernel put them, in the receive buffer.
  func write(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let range = try arguments.take(fuse_write_in.self)
    let bytes = try arguments.takeBytes(Int(range.size))
    let changesMode = try fileSystem.write(
      request.node, offset: range.offset, bytes: bytes,
      clearSetID: range.write_flags & UInt32(FUSE_WRITE_KILL_SUIDGID) != 0, caller(request))
    if changesMode { forgetMode(request.node) }
    return reply.store(fuse_write_out(size: range.size, padding: 0))
  }

  /// Has the kernel ask for the attributes again. After a write it does so by itself for size and times, and goes on
  /// believing in the mode, by which it grants set-user-ID to what is executed.
  ///
  /// Attributes only: that takes no lock that somebody who waits for us may hold.
  private func forgetMode(_ node: NodeID) {
    let body = fuse_notify_inval_inode_out(ino: node.rawValue, off: -1, len: 0)
    Invalidator.notify(descriptor, Int32(FUSE_NOTIFY_INVAL_INODE.rawValue), withUnsafeBytes(of: body) { [UInt8]($0) })
  }

  func synchronize(_ request: Request) throws(POSIXError) -> Int {
    try fileSystem.synchronize(request.node)
    return 0
  }

  func allocate(_ request: Request) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let detail = try arguments.take(fuse_fallocate_in.self)
    let keepSize = detail.mode & UInt32(CAIRN_FALLOC_KEEP_SIZE) != 0
    let mode: AllocationMode
    switch Int(detail.mode) & ~CAIRN_FALLOC_KEEP_SIZE {
    case 0: mode = .allocate(keepSize: keepSize)
    case CAIRN_FALLOC_PUNCH_HOLE: mode = .punchHole
    case CAIRN_FALLOC_ZERO_RANGE: mode = .zeroRange(keepSize: keepSize)
    // Linux 6.18 refuses these two before it asks; a kernel that asks gets what it asks for.
    case CAIRN_FALLOC_COLLAPSE_RANGE: mode = .collapseRange
    case CAIRN_FALLOC_INSERT_RANGE: mode = .insertRange
    default: throw POSIXError(EOPNOTSUPP)
    }
    let changesMode = try fileSystem.allocate(
      request.node, mode, offset: detail.offset, length: detail.length, caller(request))
    if changesMode { forgetMode(request.node) }
    return 0
  }

  func seek(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    // Glibc's module hides SEEK_DATA and SEEK_HOLE.
    let seekData: UInt32 = 3
    let seekHole: UInt32 = 4
    var arguments = request.arguments
    let detail = try arguments.take(fuse_lseek_in.self)
    let target: SeekTarget
    switch detail.whence {
    case seekData: target = .data
    case seekHole: target = .hole
    default: throw POSIXError(EINVAL)
    }
    return reply.store(fuse_lseek_out(offset: try fileSystem.seek(request.node, target, from: detail.offset)))
  }

  func copyRange(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    // The answer has 32 bits; the caller goes on after a short copy.
    let copied = try copy(request, atMost: UInt64(UInt32.max) & ~4095)
    return reply.store(fuse_write_out(size: UInt32(copied), padding: 0))
  }

  func copyRange64(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    reply.store(cairn_fuse_copy_file_range_out(bytes_copied: try copy(request, atMost: .max)))
  }

  private func copy(_ request: Request, atMost limit: UInt64) throws(POSIXError) -> UInt64 {
    var arguments = request.arguments
    let detail = try arguments.take(fuse_copy_file_range_in.self)
    let destination = NodeID(rawValue: detail.nodeid_out)
    let copy = try fileSystem.copyRange(
      request.node, offset: detail.off_in, to: destination, offset: detail.off_out, length: min(detail.len, limit),
      caller(request))
    if copy.changesMode { forgetMode(destination) }
    return copy.count
  }
}
