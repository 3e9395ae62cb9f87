import CFuse3
import Catalog
import FileSystem
import Glibc

// READDIR and READDIRPLUS.
//
// With OPENDIR answered by ENOSYS the kernel caches listings by itself (as if each had been opened
// with FOPEN_CACHE_DIR) until the directory changes; cookies keep a listing that is under way right.

extension RequestHandler {
  /// Cookies of `.` and `..`; those of the file system follow.
  private static let dotCookie: UInt64 = 1
  private static let dotDotCookie: UInt64 = 2

  func readDirectory(
    _ request: Request, _ reply: borrowing ReplyBuffer, plus: Bool
  ) throws(POSIXError) -> Int {
    var arguments = request.arguments
    let range = try arguments.take(fuse_read_in.self)
    let room = min(Int(range.size), reply.payload.count)
    var writer = DirectoryWriter(buffer: UnsafeMutableRawBufferPointer(rebasing: reply.payload[..<room]), plus: plus)
    if range.offset < RequestHandler.dotCookie {
      _ = writer.append(".".utf8, request.node.rawValue, S_IFDIR, RequestHandler.dotCookie)
    }
    if range.offset < RequestHandler.dotDotCookie {
      let parent = try fileSystem.parent(request.node)
      _ = writer.append("..".utf8, parent.rawValue, S_IFDIR, RequestHandler.dotDotCookie)
    }
    var cookie = range.offset <= RequestHandler.dotDotCookie ? 0 : range.offset
    // Names may vanish between the listing and their lookup; an empty answer would mean the end.
    let before = writer.used
    while true {
      let entries = try list(request.node, after: cookie, room: writer.left, plus: plus)
      guard let last = entries.last else { return writer.used }
      for entry in entries {
        if plus {
          // Each entry that is told counts as one kernel reference, which lookup counts. One that can't be
          // read stays in the listing, without attributes: a damaged file is met when it is used.
          do throws(POSIXError) {
            let attributes = try fileSystem.lookup(request.node, entry.name)
            _ = writer.append(entry.name, entry.node.rawValue, entry.type, entry.cookie, attributes)
          } catch {
            if error.code != ENOENT { _ = writer.append(entry.name, entry.node.rawValue, entry.type, entry.cookie) }
          }
        } else {
          _ = writer.append(entry.name, entry.node.rawValue, entry.type, entry.cookie)
        }
      }
      if writer.used > before || !plus { return writer.used }
      cookie = last.cookie
    }
  }

  /// As many entries as fit, and not one more: the lookups that follow must all be told.
  private func list(
    _ directory: NodeID, after cookie: UInt64, room: Int, plus: Bool
  ) throws(POSIXError) -> [DirectoryListing] {
    var entries: [DirectoryListing] = []
    var left = room
    try fileSystem.list(directory, after: cookie) { entry in
      left -= DirectoryWriter.size(nameLength: entry.name.count, plus: plus)
      if left < 0 { return false }
      entries.append(entry)
      return true
    }
    return entries
  }
}

/// Lays directory entries out as the kernel reads them.
private struct DirectoryWriter {
  /// Of `struct fuse_dirent` without its name.
  private static let headerSize = 24

  let buffer: UnsafeMutableRawBufferPointer
  let plus: Bool
  private(set) var used = 0

  init(buffer: UnsafeMutableRawBufferPointer, plus: Bool) {
    self.buffer = buffer
    self.plus = plus
  }

  var left: Int { buffer.count - used }

  static func size(nameLength: Int, plus: Bool) -> Int {
    let entry = plus ? MemoryLayout<fuse_entry_out>.size : 0
    return (entry + headerSize + nameLength + 7) & ~7
  }

  /// False where it does not fit. Without attributes a READDIRPLUS entry says nothing of its node.
  mutating func append(
    _ name: some Collection<UInt8>, _ node: UInt64, _ type: UInt32, _ cookie: UInt64, _ attributes: Attributes? = nil
  ) -> Bool {
    let size = DirectoryWriter.size(nameLength: name.count, plus: plus)
    guard size <= left else { return false }
    let place = UnsafeMutableRawBufferPointer(rebasing: buffer[used..<used + size])
    var at = 0
    if plus {
      place.storeBytes(of: attributes.map { fuse_entry_out($0) } ?? fuse_entry_out(), as: fuse_entry_out.self)
      at = MemoryLayout<fuse_entry_out>.size
    }
    place.storeBytes(of: attributes?.node.rawValue ?? node, toByteOffset: at, as: UInt64.self)
    place.storeBytes(of: cookie, toByteOffset: at + 8, as: UInt64.self)
    place.storeBytes(of: UInt32(name.count), toByteOffset: at + 16, as: UInt32.self)
    place.storeBytes(of: (attributes?.mode ?? type) >> 12 & 0xF, toByteOffset: at + 20, as: UInt32.self)
    at += DirectoryWriter.headerSize
    UnsafeMutableRawBufferPointer(rebasing: place[at...]).copyBytes(from: name)
    // The kernel copies the padding along with the name.
    for index in at + name.count..<size { place[index] = 0 }
    used += size
    return true
  }
}
