import CFuse3
import Glibc
import Synchronization

/// A libfuse session on a descriptor of `/dev/fuse` that somebody else mounts and reads.
///
/// libfuse keeps the protocol's state and answers what the request handler does not know. It is
/// reached through `fuse_session_custom_io`, so it neither mounts nor loops. Thread-safe once
/// ``initialize(with:)`` has returned.
final class Session: @unchecked Sendable {
  // @unchecked: `session` is set once; fuse_session_process_buf may be called by many threads.
  private let session: OpaquePointer
  private let output: Output

  /// Owns `descriptor` from here on: libfuse closes it with the session.
  init(descriptor: Int32) throws(FuseError) {
    output = Output()
    var arguments = fuse_args()
    defer { fuse_opt_free_args(&arguments) }
    var operations = fuse_lowlevel_ops()
    guard fuse_opt_add_arg(&arguments, "cairnfsd") == 0,
      let session = fuse_session_new(
        &arguments, &operations, MemoryLayout<fuse_lowlevel_ops>.size, Unmanaged.passUnretained(output).toOpaque())
    else {
      close(descriptor)
      throw FuseError(.refused, "libfuse could not make a session: is memory short?")
    }
    var io = fuse_custom_io()
    io.read = { descriptor, buffer, size, _ in Glibc.read(descriptor, buffer, size) }
    io.writev = { descriptor, vector, count, userData in
      let output = Unmanaged<Output>.fromOpaque(userData!).takeUnretainedValue()
      if output.isOpen.load(ordering: .acquiring) { return Glibc.writev(descriptor, vector, count) }
      return (0..<Int(count)).reduce(0) { $0 + vector![$1].iov_len }
    }
    guard fuse_session_custom_io(session, &io, descriptor) == 0 else {
      fuse_session_destroy(session)
      close(descriptor)
      throw FuseError(.refused, "libfuse refused its I/O functions; is it older than 3.13?")
    }
    self.session = session
  }

  deinit { fuse_session_destroy(session) }

  /// Gives libfuse the INIT request that it expects first. Its answer goes nowhere: Cairn's own, or at
  /// a takeover the one that was given long ago, stands.
  func initialize(with request: UnsafeRawBufferPointer) {
    process(request)
    output.isOpen.store(true, ordering: .releasing)
  }

  /// Lets libfuse answer a request.
  func process(_ request: UnsafeRawBufferPointer) {
    var buffer = fuse_buf()
    buffer.size = request.count
    buffer.mem = UnsafeMutableRawPointer(mutating: request.baseAddress)
    fuse_session_process_buf(session, &buffer)
  }

  private final class Output: Sendable {
    let isOpen = Atomic(false)
  }
}
