import CFuse3
import Catalog
import FileSystem
import Glibc
import Linux

/// Tells the kernel to forget what changed behind its back.
///
/// One thread of its own writes the notifications and holds no lock while it does: the kernel takes
/// inode locks for them, which may be held by a program that waits for a request to be answered.
final class Invalidator: Sendable {
  /// More than this many waiting, and whoever adds waits too. Never a thread that answers requests:
  /// the file system announces only what did not come from the kernel.
  private static let limit = 16_384

  private struct State {
    var waiting: [Notice] = []
    var known: Set<Notice> = []
    var isStopped = false
  }

  private enum Notice: Hashable {
    case entry(parent: NodeID, name: [UInt8])
    case listing(NodeID)
    case attributes(NodeID)
  }

  private let descriptor: Int32
  private let state = Monitor(State())
  private let thread: Monitor<WorkerThread?> = Monitor(nil)

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  func start() {
    thread.withLock { $0 = WorkerThread(name: "invalidate") { self.run() } }
  }

  /// Drops what waits and ends the thread. To be called before unmounting: a notification and an
  /// unmount may wait for each other.
  func stop() {
    state.withLock {
      $0.isStopped = true
      $0.waiting = []
      $0.known = []
    }
    state.wakeAll()
    thread.withLock { $0 }?.join()
  }

  func add(_ change: KernelInvalidation) {
    _ = state.wait { $0.waiting.count < Invalidator.limit || $0.isStopped ? true : nil }
    state.withLock { state in
      if state.isStopped { return }
      func add(_ notice: Notice) {
        if state.known.insert(notice).inserted { state.waiting.append(notice) }
      }
      switch change {
      case .entry(let parent, let name):
        add(.entry(parent: parent, name: name))
        // The kernel drops a cached listing for an entry only if it knew the entry.
        add(.listing(parent))
      case .attributes(let node): add(.attributes(node))
      }
    }
    state.wakeAll()
  }

  private func run() {
    while true {
      let batch = state.wait { state -> [Notice]? in
        if state.isStopped { return [] }
        if state.waiting.isEmpty { return nil }
        defer {
          state.waiting = []
          state.known = []
        }
        return state.waiting
      }
      guard let batch, !batch.isEmpty else { return }
      state.wakeAll()
      for notice in batch {
        if state.withLock({ $0.isStopped }) { return }
        send(notice)
      }
    }
  }

  private func send(_ notice: Notice) {
    switch notice {
    case .entry(let parent, let name):
      var body = fuse_notify_inval_entry_out()
      body.parent = parent.rawValue
      body.namelen = UInt32(name.count)
      var bytes = withUnsafeBytes(of: body) { [UInt8]($0) }
      bytes.append(contentsOf: name)
      bytes.append(0)
      Invalidator.notify(descriptor, Int32(FUSE_NOTIFY_INVAL_ENTRY.rawValue), bytes)
    case .listing(let directory):
      invalidateInode(directory, offset: 0)
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
