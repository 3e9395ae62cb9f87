import CFuse3
import Glibc
import Linux

/// What was agreed when the file system was mounted, in bytes that a later process can be given: the
/// mount's number (4 bytes), the flags agreed on (8 bytes) and the kernel's INIT request.
struct InitRecord {
  private static let prefixSize = 12

  /// Random, below 2^24 and never 0; sets the requests of this mount apart from those of any other.
  let mountNumber: UInt32
  let agreed: ProtocolFlags
  let request: [UInt8]

  /// Reads INIT, the first request of a new mount, and answers it.
  static func receive(from descriptor: Int32) throws(FuseError) -> InitRecord {
    let buffer = ReceiveBuffer()
    let count = read(descriptor, buffer.memory.baseAddress!, buffer.memory.count)
    guard count > 0, let request = Request(UnsafeRawBufferPointer(rebasing: buffer.memory[..<count])) else {
      throw FuseError(.refused, "\(SystemError("read", "/dev/fuse")): the kernel sent no INIT.")
    }
    let (reply, agreed) = try Negotiation.reply(to: request)
    guard write(descriptor, reply, reply.count) == reply.count else {
      throw FuseError(.refused, "\(SystemError("write", "/dev/fuse")): the kernel refused the answer to INIT.")
    }
    return InitRecord(mountNumber: randomMountNumber(), agreed: agreed, request: [UInt8](request.bytes))
  }

  private static func randomMountNumber() -> UInt32 {
    let random = randomBytes(4).withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    return max(random >> 8, 1)
  }

  private init(mountNumber: UInt32, agreed: ProtocolFlags, request: [UInt8]) {
    self.mountNumber = mountNumber
    self.agreed = agreed
    self.request = request
  }

  /// From what ``bytes`` gave another process; nil where they are not such.
  init?(bytes: [UInt8]) {
    guard bytes.count > InitRecord.prefixSize else { return nil }
    mountNumber = bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    agreed = ProtocolFlags(rawValue: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 4, as: UInt64.self) })
    request = [UInt8](bytes[InitRecord.prefixSize...])
    let isRequest = request.withUnsafeBytes { Request($0)?.opcode == FUSE_INIT.rawValue }
    guard isRequest else { return nil }
  }

  var bytes: [UInt8] {
    withUnsafeBytes(of: mountNumber) { [UInt8]($0) } + withUnsafeBytes(of: agreed.rawValue) { [UInt8]($0) } + request
  }
}
