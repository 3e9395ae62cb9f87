import CFuse3
import Glibc

/// Where a worker builds its answers: page-aligned memory with room for the header right before it,
/// so that an answer of any size is one contiguous write(2).
///
/// Used by the one thread that owns it.
struct ReplyBuffer: ~Copyable {
  private static let page = 4096
  private static let headerSize = MemoryLayout<fuse_out_header>.size

  private let memory: UnsafeMutableRawBufferPointer
  /// Room for what follows the header.
  let payload: UnsafeMutableRawBufferPointer

  init(capacity: Int) {
    memory = .allocate(byteCount: ReplyBuffer.page + capacity, alignment: ReplyBuffer.page)
    payload = UnsafeMutableRawBufferPointer(rebasing: memory[ReplyBuffer.page...])
  }

  deinit { memory.deallocate() }

  /// Sends the first `count` bytes of the payload as the answer to `unique`, or an error without any.
  ///
  /// A failure is not looked at: the kernel refuses an answer only where nobody waits for it any
  /// more (the caller was killed, the mount is gone).
  func send(_ descriptor: Int32, unique: UInt64, error: Int32 = 0, count: Int = 0) {
    let length = ReplyBuffer.headerSize + count
    let start = memory.baseAddress! + (ReplyBuffer.page - ReplyBuffer.headerSize)
    start.storeBytes(
      of: fuse_out_header(len: UInt32(length), error: -error, unique: unique), as: fuse_out_header.self)
    while Glibc.write(descriptor, start, length) < 0 && errno == EINTR {}
  }

  /// Puts a value at the start of the payload and returns its size.
  func store<T: BitwiseCopyable>(_ value: T) -> Int {
    payload.storeBytes(of: value, as: T.self)
    return MemoryLayout<T>.size
  }
}
