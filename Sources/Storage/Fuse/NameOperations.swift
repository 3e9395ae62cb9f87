import CFuse3
import Catalog
import FileSystem
import Glibc

// Names and what they lead to.

extension RequestHandler {
  func lookup(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let name = try arguments.takeName()
    do throws(POSIXError) {
      return reply.store(fuse_entry_out(try fileSystem.lookup(request.node, name)))
    } catch {
      // An answer without a node lets the kernel remember that the name is absent; an error would not.
      if error.code == ENOENT { return reply.store(fuse_entry_out.absent) }
      throw error
    }
  }

  func forget(_ request: Request) {
    var arguments = request.arguments
    guard let forget = try? arguments.take(fuse_forget_in.self) else { return }
    fileSystem.forget(request.node, count: forget.nlookup)
  }

  func forgetBatch(_ request: Request) {
    var arguments = request.arguments
    guard let batch = try? arguments.take(fuse_batch_forget_in.self) else { return }
    for _ in 0..<batch.count {
      guard let one = try? arguments.take(fuse_forget_one.self) else { return }
      fileSystem.forget(NodeID(rawValue: one.nodeid), count: one.nlookup)
    }
  }

  func makeNode(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let detail = try arguments.take(fuse_mknod_in.self)
    let name = try arguments.takeName()
    let new = NewNode(mode: detail.mode, umask: detail.umask, device: UInt64(detail.rdev))
    return reply.store(fuse_entry_out(try fileSystem.make(request.node, name, new, caller(request))))
  }

  func makeDirectory(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let detail = try arguments.take(fuse_mkdir_in.self)
    let name = try arguments.takeName()
    let new = NewNode(mode: detail.mode & 0o7777 | S_IFDIR, umask: detail.umask)
    return reply.store(fuse_entry_out(try fileSystem.make(request.node, name, new, caller(request))))
  }

  func makeSymbolicLink(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let name = try arguments.takeName()
    let new = NewNode(mode: S_IFLNK | 0o777, target: try arguments.takeName())
    return reply.store(fuse_entry_out(try fileSystem.make(request.node, name, new, caller(request))))
  }

  /// O_TMPFILE. The answer has the entry, and of the open file only that its cache is to be kept.
  func makeUnnamed(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let detail = try arguments.take(fuse_create_in.self)
    let new = NewNode(mode: detail.mode & 0o7777 | S_IFREG, umask: detail.umask)
    let entry = fuse_entry_out(try fileSystem.makeUnnamed(request.node, new, caller(request)))
    var open = fuse_open_out()
    open.open_flags = UInt32(FOPEN_KEEP_CACHE | FOPEN_NOFLUSH)
    let size = reply.store(entry)
    reply.payload.storeBytes(of: open, toByteOffset: size, as: fuse_open_out.self)
    return size + MemoryLayout<fuse_open_out>.size
  }

  func unlink(_ request: Request) throws(POSIXError) -> Int {
    var arguments = request.arguments
    try fileSystem.unlink(request.node, arguments.takeName(), caller(request))
    return 0
  }

  func removeDirectory(_ request: Request) throws(POSIXError) -> Int {
    var arguments = request.arguments
    try fileSystem.removeDirectory(request.node, arguments.takeName(), caller(request))
    return 0
  }

  func rename(_ request: Request) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let newParent: UInt64
    var flags: UInt32 = 0
    if request.opcode == FUSE_RENAME2.rawValue {
      let detail = try arguments.take(fuse_rename2_in.self)
      newParent = detail.newdir
      flags = detail.flags
    } else {
      newParent = try arguments.take(fuse_rename_in.self).newdir
    }
    let name = try arguments.takeName()
    let newName = try arguments.takeName()
    let known: RenameFlags = [.noReplace, .exchange, .whiteout]
    guard known.rawValue & flags == flags else { throw POSIXError(EINVAL) }
    try fileSystem.rename(
      request.node, name, to: NodeID(rawValue: newParent), newName, RenameFlags(rawValue: flags), caller(request))
    return 0
  }

  func link(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let node = NodeID(rawValue: try arguments.take(fuse_link_in.self).oldnodeid)
    let name = try arguments.takeName()
    return reply.store(fuse_entry_out(try fileSystem.link(node, to: request.node, name, caller(request))))
  }

  func readLink(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    let target = try fileSystem.readLink(request.node)
    reply.payload.copyBytes(from: target)
    return target.count
  }
}
