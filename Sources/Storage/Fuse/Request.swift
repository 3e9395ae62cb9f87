import CFuse3
import Catalog
import FileSystem
import Glibc

/// A request as it was read from `/dev/fuse`. Nothing in it is believed before its length is checked.
struct Request {
  private static let headerSize = MemoryLayout<fuse_in_header>.size
  /// Set in `unique` of a request that the kernel sends again after a takeover.
  static let resent: UInt64 = 1 << 63

  /// The whole request, header included.
  let bytes: UnsafeRawBufferPointer
  let header: fuse_in_header

  /// nil where the bytes are not one whole request.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Request.headerSize else { return nil }
    header = bytes.loadUnaligned(as: fuse_in_header.self)
    guard Int(header.len) == bytes.count else { return nil }
    self.bytes = bytes
  }

  var opcode: UInt32 { header.opcode }

  /// Whether 128 KiB or more are to be read.
  var isLargeRead: Bool {
    var arguments = arguments
    guard opcode == FUSE_READ.rawValue, let range = try? arguments.take(fuse_read_in.self) else { return false }
    return range.size >= 128 << 10
  }

  var unique: UInt64 { header.unique }
  var node: NodeID { NodeID(rawValue: header.nodeid) }
  var arguments: Arguments { Arguments(rest: UnsafeRawBufferPointer(rebasing: bytes[Request.headerSize...])) }

  /// What follows the header, taken piece by piece. Running out of bytes is EINVAL.
  struct Arguments {
    private(set) var rest: UnsafeRawBufferPointer

    fileprivate init(rest: UnsafeRawBufferPointer) { self.rest = rest }

    mutating func take<T: BitwiseCopyable>(_ type: T.Type) throws(POSIXError) -> T {
      try takeBytes(MemoryLayout<T>.size).loadUnaligned(as: type)
    }

    mutating func takeBytes(_ count: Int) throws(POSIXError) -> UnsafeRawBufferPointer {
      guard count <= rest.count else { throw POSIXError(EINVAL) }
      defer { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) }
      return UnsafeRawBufferPointer(rebasing: rest[..<count])
    }

    /// Bytes up to a NUL, which is consumed.
    mutating func takeName() throws(POSIXError) -> [UInt8] {
      guard let base = rest.baseAddress, let end = memchr(base, 0, rest.count) else { throw POSIXError(EINVAL) }
      let length = UnsafeRawPointer(end) - base
      let name = [UInt8](rest[..<length])
      rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
      return name
    }
  }
}
