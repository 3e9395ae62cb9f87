import CFuse3
import Glibc

/// Where a worker reads requests: room for the largest, placed so that the bytes of a WRITE, after
/// its two headers, begin on a page. Used by the one thread that owns it.
struct ReceiveBuffer: ~Copyable {
  private static let page = 4096
  private static let writeHeaders = MemoryLayout<fuse_in_header>.size + MemoryLayout<fuse_write_in>.size

  private let allocation: UnsafeMutableRawBufferPointer
  let memory: UnsafeMutableRawBufferPointer

  init() {
    // Beside the largest write, two names and a value of 64 KiB must fit; the kernel asks for less.
    let size = 2 * ReceiveBuffer.page + Int(Negotiation.maxWrite)
    allocation = .allocate(byteCount: size, alignment: ReceiveBuffer.page)
    // The kernel copies a request into these pages. Where it has to bring one in first and the process
    // is being killed, it gives up and answers the program with EIO, although another server is about
    // to take over: so they are there from the start, and stay (seen once in some hundred kills).
    memset(allocation.baseAddress!, 0, size)
    _ = mlock(allocation.baseAddress!, size)
    memory = UnsafeMutableRawBufferPointer(
      rebasing: allocation[(ReceiveBuffer.page - ReceiveBuffer.writeHeaders)...])
  }

  deinit { allocation.deallocate() }
}
