import CFuse3
import Catalog
import FileSystem
import Glibc
import Linux

/// Tells the kernel to forget what changed behind its back.
///
/// Whoever made the change tells it, and waits until the kernel has done it. From a thread of its own the word
/// came after the answer: a new volume could be found, and was unhashed while mount(2) was about to bind it,
/// which failed with ENOENT once in 2000 times.
///
/// The kernel takes inode locks for a notification, which may be held by a program that waits for a request
/// to be answered: never to be called under a lock, nor by a thread that answers requests.
final class Invalidator: Sendable {
  private struct State {
    var isStopped = false
    var senders = 0
  }

  private let descriptor: Int32
  private let state = Monitor(State())

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Nothing is sent from here on. To be called while requests are still answered and before unmounting: a
  /// notification and an unmount may wait for each other.
  func stop() {
    state.withLock { $0.isStopped = true }
    _ = state.wait { $0.senders == 0 ? true : nil }
  }

  /// Returns when the kernel has forgotten what `changes` name.
  func send(_ changes: [KernelInvalidation]) {
    let isServing = state.withLock { state in
      if !state.isStopped { state.senders += 1 }
      return !state.isStopped
    }
    guard isServing else { return }
    for change in changes { send(change) }
    state.withLock { $0.senders -= 1 }
    state.wakeAll()
  }

  private func send(_ change: KernelInvalidation) {
    switch change {
    case .entry(let parent, let name):
      var body = fuse_notify_inval_entry_out()
      body.parent = parent.rawValue
      body.namelen = UInt32(name.count)
      var bytes = withUnsafeBytes(of: body) { [UInt8]($0) }
      bytes.append(contentsOf: name)
      bytes.append(0)
      Invalidator.notify(descriptor, Int32(FUSE_NOTIFY_INVAL_ENTRY.rawValue), bytes)
      // The kernel drops a cached listing for an entry only if it knew the entry.
      invalidateInode(parent, offset: 0)
    case .attributes(let node):
      // Below 0: attributes only. Dropping a file's pages would wait for reads that wait for us.
      invalidateInode(node, offset: -1)
    }
  }

  private func invalidateInode(_ node: NodeID, offset: Int64) {
    let body = fuse_notify_inval_inode_out(ino: node.rawValue, off: offset, len: 0)
    let bytes = withUnsafeBytes(of: body) { [UInt8]($0) }
    Invalidator.notify(descriptor, Int32(FUSE_NOTIFY_INVAL_INODE.rawValue), bytes)
  }

  /// Writes a notification. ENOENT, that the kernel knows nothing of it, is as good as success.
  @discardableResult
  static func notify(_ descriptor: Int32, _ code: Int32, _ body: [UInt8]) -> Bool {
    let length = MemoryLayout<fuse_out_header>.size + body.count
    let header = fuse_out_header(len: UInt32(length), error: code, unique: 0)
    let bytes = withUnsafeBytes(of: header) { [UInt8]($0) } + body
    while write(descriptor, bytes, bytes.count) < 0 {
      if errno != EINTR { return false }
    }
    return true
  }
}
