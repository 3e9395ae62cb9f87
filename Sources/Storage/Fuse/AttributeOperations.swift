import CFuse3
import CFuseShim
import FileSystem
import Glibc

// Attributes and extended attributes.

extension RequestHandler {
  func getAttributes(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    reply.store(fuse_attr_out(try fileSystem.attributes(request.node)))
  }

  /// Sent instead of GETATTR where a program asks for the time of birth.
  func statx(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    reply.store(cairn_fuse_statx_out(try fileSystem.attributes(request.node)))
  }

  func setAttributes(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let detail = try arguments.take(fuse_setattr_in.self)
    func has(_ flag: Int32) -> Bool { detail.valid & UInt32(flag) != 0 }
    var change = AttributeChange()
    if has(FATTR_MODE) { change.mode = detail.mode & 0o7777 }
    if has(FATTR_UID) { change.uid = detail.uid }
    if has(FATTR_GID) { change.gid = detail.gid }
    if has(FATTR_SIZE) { change.size = detail.size }
    if has(FATTR_ATIME) {
      change.accessed = has(FATTR_ATIME_NOW) ? .now : .at(nanoseconds(detail.atime, detail.atimensec))
    }
    if has(FATTR_MTIME) {
      change.modified = has(FATTR_MTIME_NOW) ? .now : .at(nanoseconds(detail.mtime, detail.mtimensec))
    }
    if has(FATTR_CTIME) { change.changed = nanoseconds(detail.ctime, detail.ctimensec) }
    change.clearSetID = has(FATTR_KILL_SUIDGID)
    return reply.store(fuse_attr_out(try fileSystem.setAttributes(request.node, change, caller(request))))
  }

  func statfs(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    reply.store(fuse_statfs_out(try fileSystem.space(request.node)))
  }

  func getExtendedAttribute(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let room = try arguments.take(fuse_getxattr_in.self).size
    let name = try arguments.takeName()
    return try answer(reply, try fileSystem.extendedAttribute(request.node, name), room: room)
  }

  func listExtendedAttributes(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let room = try arguments.take(fuse_getxattr_in.self).size
    var list: [UInt8] = []
    for name in try fileSystem.extendedAttributeNames(request.node) {
      list.append(contentsOf: name)
      list.append(0)
    }
    return try answer(reply, list, room: room)
  }

  /// Without room the question is how much would be needed.
  private func answer(_ reply: borrowing ReplyBuffer, _ bytes: [UInt8], room: UInt32) throws(POSIXError) -> Int {
    if room == 0 { return reply.store(fuse_getxattr_out(size: UInt32(bytes.count), padding: 0)) }
    guard bytes.count <= Int(room), bytes.count <= reply.payload.count else { throw POSIXError(ERANGE) }
    reply.payload.copyBytes(from: bytes)
    return bytes.count
  }

  func setExtendedAttribute(_ request: Request) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let detail = try arguments.take(fuse_setxattr_in.self)
    let name = try arguments.takeName()
    let value = try arguments.takeBytes(Int(detail.size))
    let mode: ExtendedAttributeMode
    // As in <sys/xattr.h>, which Glibc's module hides.
    switch detail.flags {
    case 0: mode = .any
    case 1: mode = .createOnly
    case 2: mode = .replaceOnly
    default: throw POSIXError(EINVAL)
    }
    try fileSystem.setExtendedAttribute(
      request.node, name, value, mode,
      clearSetGroupID: detail.setxattr_flags & UInt32(FUSE_SETXATTR_ACL_KILL_SGID) != 0, caller(request))
    return 0
  }

  func removeExtendedAttribute(_ request: Request) throws(POSIXError) -> Int {
    var arguments = request.arguments
    try fileSystem.removeExtendedAttribute(request.node, arguments.takeName(), caller(request))
    return 0
  }
}
