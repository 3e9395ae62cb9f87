import CFuse3
import Glibc

/// Answers the kernel's requests for the one file, one after the other.
struct LogDiskServer {
  private static let maxWrite = 1 << 20
  private static let headerSize = MemoryLayout<fuse_in_header>.size

  let descriptor: Int32
  let image: UnsafeMutableRawBufferPointer
  let log: Int32
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: maxWrite + 8192, alignment: 4096)

  init(descriptor: Int32, image: UnsafeMutableRawBufferPointer, log: Int32) {
    self.descriptor = descriptor
    self.image = image
    self.log = log
  }

  /// Returns when the file system is unmounted.
  mutating func run() {
    while true {
      let count = read(descriptor, buffer.baseAddress!, buffer.count)
      if count < 0 {
        if errno == EINTR || errno == EAGAIN || errno == ENOENT { continue }
        return
      }
      answer(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  private func answer(_ request: UnsafeRawBufferPointer) {
    let header = request.loadUnaligned(as: fuse_in_header.self)
    let arguments = UnsafeRawBufferPointer(rebasing: request[LogDiskServer.headerSize...])
    switch fuse_opcode(header.opcode) {
    case FUSE_INIT: initialize(header, arguments.loadUnaligned(as: fuse_init_in.self))
    case FUSE_GETATTR, FUSE_SETATTR: reply(header, attributes)
    case FUSE_OPEN:
      var open = fuse_open_out()
      open.open_flags = UInt32(FOPEN_DIRECT_IO)
      reply(header, open)
    case FUSE_READ:
      let range = arguments.loadUnaligned(as: fuse_read_in.self)
      let start = min(Int(range.offset), image.count)
      send(header, 0, UnsafeRawBufferPointer(rebasing: image[start..<min(start + Int(range.size), image.count)]))
    case FUSE_WRITE:
      let range = arguments.loadUnaligned(as: fuse_write_in.self)
      write(
        header, Int(range.offset),
        UnsafeRawBufferPointer(rebasing: arguments[MemoryLayout<fuse_write_in>.size...].prefix(Int(range.size))))
    case FUSE_FSYNC: append(2, 0, nil) ? send(header, 0) : send(header, EIO)
    case FUSE_STATFS: reply(header, fuse_statfs_out())
    case FUSE_FLUSH, FUSE_RELEASE, FUSE_DESTROY: send(header, 0)
    case FUSE_FORGET, FUSE_BATCH_FORGET, FUSE_INTERRUPT: break
    // Discards and holes among them: what is not logged must not happen.
    default: send(header, ENOSYS)
    }
  }

  private func initialize(_ header: fuse_in_header, _ offer: fuse_init_in) {
    var answer = fuse_init_out()
    answer.major = UInt32(FUSE_KERNEL_VERSION)
    answer.minor = min(offer.minor, 31)
    answer.max_readahead = offer.max_readahead
    answer.flags = offer.flags & UInt32(FUSE_BIG_WRITES | FUSE_MAX_PAGES)
    answer.max_write = UInt32(LogDiskServer.maxWrite)
    answer.max_pages = UInt16(LogDiskServer.maxWrite / 4096)
    answer.max_background = 12
    answer.congestion_threshold = 9
    reply(header, answer)
  }

  private var attributes: fuse_attr_out {
    var result = fuse_attr_out()
    result.attr_valid = 3600
    result.attr.ino = 1
    result.attr.mode = S_IFREG | 0o600
    result.attr.nlink = 1
    result.attr.size = UInt64(image.count)
    result.attr.blksize = 4096
    return result
  }

  private func write(_ header: fuse_in_header, _ offset: Int, _ bytes: UnsafeRawBufferPointer) {
    guard offset <= image.count - bytes.count else { return send(header, ENOSPC) }
    guard append(1, offset, bytes) else { return send(header, EIO) }
    image[offset...].copyBytes(from: bytes)
    reply(header, fuse_write_out(size: UInt32(bytes.count), padding: 0))
  }

  /// One write(2), so that whoever looks at the log's length sees whole records only.
  private func append(_ kind: UInt32, _ offset: Int, _ bytes: UnsafeRawBufferPointer?) -> Bool {
    var record = (UInt64(offset), UInt32(bytes?.count ?? 0), kind)
    return withUnsafeMutableBytes(of: &record) { head in
      let parts = [
        iovec(iov_base: head.baseAddress, iov_len: 16),
        iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes?.baseAddress), iov_len: bytes?.count ?? 0),
      ]
      return writev(log, parts, Int32(parts.count)) == 16 + (bytes?.count ?? 0)
    }
  }

  private func reply<T: BitwiseCopyable>(_ header: fuse_in_header, _ value: T) {
    withUnsafeBytes(of: value) { send(header, 0, $0) }
  }

  private func send(_ header: fuse_in_header, _ error: Int32, _ bytes: UnsafeRawBufferPointer? = nil) {
    let count = bytes?.count ?? 0
    var head = fuse_out_header()
    head.len = UInt32(MemoryLayout<fuse_out_header>.size + count)
    head.error = -error
    head.unique = header.unique
    withUnsafeMutableBytes(of: &head) { head in
      let parts = [
        iovec(iov_base: head.baseAddress, iov_len: head.count),
        iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes?.baseAddress), iov_len: count),
      ]
      // Refused only where nobody waits for the answer any more.
      _ = writev(descriptor, parts, Int32(parts.count))
    }
  }
}
