import CFuse3
import Glibc
import Linux

/// What was agreed when the file system was mounted, in bytes that a later process can be given:
/// the mount's number (4 bytes) and the kernel's INIT request.
struct InitRecord {
  /// Random, never 0; sets the requests of this mount apart from those of any other.
  let mountNumber: UInt32
  let request: [UInt8]
  let agreed: ProtocolFlags

  /// Reads INIT, the first request of a new mount, and answers it.
  static func receive(from descriptor: Int32) throws(FuseError) -> InitRecord {
    let buffer = ReceiveBuffer()
    let count = read(descriptor, buffer.memory.baseAddress!, buffer.memory.count)
    guard count > 0 else {
      throw FuseError(.refused, "\(SystemError("read", "/dev/fuse")): the kernel sent no INIT.")
    }
    var number: UInt32 = 0
    while number == 0 || number >> 24 != 0 {
      number = randomBytes(4).withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) } >> 8
    }
    let bytes = withUnsafeBytes(of: number) { [UInt8]($0) } + buffer.memory[..<count]
    let (record, reply) = try parse(bytes)
    guard write(descriptor, reply, reply.count) == reply.count else {
      throw FuseError(.refused, "\(SystemError("write", "/dev/fuse")): the kernel refused the answer to INIT.")
    }
    return record
  }

  /// From what ``bytes`` gave another process.
  init(bytes: [UInt8]) throws(FuseError) {
    self = try InitRecord.parse(bytes).record
  }

  var bytes: [UInt8] { withUnsafeBytes(of: mountNumber) { [UInt8]($0) } + request }

  private init(mountNumber: UInt32, request: [UInt8], agreed: ProtocolFlags) {
    self.mountNumber = mountNumber
    self.request = request
    self.agreed = agreed
  }

  private static func parse(_ bytes: [UInt8]) throws(FuseError) -> (record: InitRecord, reply: [UInt8]) {
    let numberSize = MemoryLayout<UInt32>.size
    let result = bytes.withUnsafeBytes { raw in
      Result { () throws(FuseError) -> (InitRecord, [UInt8]) in
        guard raw.count > numberSize,
          let request = Request(UnsafeRawBufferPointer(rebasing: raw[numberSize...]))
        else { throw FuseError(.refused, "The record of the mount's INIT is damaged: mount anew.") }
        let (reply, agreed) = try Negotiation.reply(to: request)
        let number = raw.loadUnaligned(as: UInt32.self)
        return (InitRecord(mountNumber: number, request: [UInt8](bytes[numberSize...]), agreed: agreed), reply)
      }
    }
    return try result.get()
  }
}
