import CFuse3
import CFuseShim
import FileSystem
import Glibc

/// Translates requests into calls of the file system, and their results into answers.
///
/// The extensions hold the operations by topic. Each writes its answer at the start of the payload
/// and returns how many bytes that took; an error becomes the answer's errno as it is. Thread-safe:
/// all state is the file system's.
struct RequestHandler: Sendable {
  enum Outcome {
    case reply(Int)
    /// FORGET and its like are not answered.
    case none
    /// Left to libfuse, which knows what to say of what nobody implements.
    case unknown
  }

  let fileSystem: FileSystem
  /// The open `/dev/fuse`, for notifications that must arrive before an answer.
  let descriptor: Int32
  /// Goes into the upper half of ``Caller/request``, see ``caller(_:)``.
  let mountNumber: UInt32

  /// The kernel counts requests from 2 for each mount, so its numbers alone would collide with those
  /// in the journal of an earlier mount; the mount's random number sets them apart.
  ///
  /// Numbers are even (bit 0 is for interrupts) and 40 bits outlast 10^12 requests.
  func caller(_ request: Request) -> Caller {
    let number = (request.unique & ~Request.resent) >> 1
    return Caller(
      uid: request.header.uid, gid: request.header.gid,
      request: UInt64(mountNumber) << 40 | number & (1 << 40 - 1))
  }

  func handle(_ request: Request, _ reply: borrowing ReplyBuffer) throws(POSIXError) -> Outcome {
    switch fuse_opcode(request.opcode) {
    case FUSE_LOOKUP: return .reply(try lookup(request, reply))
    case FUSE_GETATTR: return .reply(try getAttributes(request, reply))
    case FUSE_READ: return .reply(try read(request, reply))
    case FUSE_WRITE: return .reply(try write(request, reply))
    case FUSE_FORGET:
      forget(request)
      return .none
    case FUSE_BATCH_FORGET:
      forgetBatch(request)
      return .none

    case FUSE_MKNOD: return .reply(try makeNode(request, reply))
    case FUSE_MKDIR: return .reply(try makeDirectory(request, reply))
    case FUSE_SYMLINK: return .reply(try makeSymbolicLink(request, reply))
    case FUSE_TMPFILE: return .reply(try makeUnnamed(request, reply))
    case FUSE_UNLINK: return .reply(try unlink(request))
    case FUSE_RMDIR: return .reply(try removeDirectory(request))
    case FUSE_RENAME, FUSE_RENAME2: return .reply(try rename(request))
    case FUSE_LINK: return .reply(try link(request, reply))
    case FUSE_READLINK: return .reply(try readLink(request, reply))

    case FUSE_SETATTR: return .reply(try setAttributes(request, reply))
    case FUSE_STATFS: return .reply(try statfs(request, reply))
    case FUSE_GETXATTR: return .reply(try getExtendedAttribute(request, reply))
    case FUSE_LISTXATTR: return .reply(try listExtendedAttributes(request, reply))
    case FUSE_SETXATTR: return .reply(try setExtendedAttribute(request))
    case FUSE_REMOVEXATTR: return .reply(try removeExtendedAttribute(request))

    case FUSE_FSYNC, FUSE_FSYNCDIR: return .reply(try synchronize(request))
    case FUSE_FALLOCATE: return .reply(try allocate(request))
    case FUSE_LSEEK: return .reply(try seek(request, reply))
    case FUSE_COPY_FILE_RANGE: return .reply(try copyRange(request, reply))
    case FUSE_READDIR: return .reply(try readDirectory(request, reply, plus: false))
    case FUSE_READDIRPLUS: return .reply(try readDirectory(request, reply, plus: true))

    // Told once that these do not exist, the kernel opens, closes and checks access by itself, and
    // makes files by MKNOD: 2 requests for a new file instead of 5. It sends no INTERRUPT either:
    // no operation here waits long enough to be worth interrupting.
    case FUSE_OPEN, FUSE_OPENDIR, FUSE_FLUSH, FUSE_CREATE, FUSE_ACCESS, FUSE_INTERRUPT: throw POSIXError(ENOSYS)
    // A file that came from TMPFILE before the first OPEN is released; there is nothing to release.
    case FUSE_RELEASE, FUSE_RELEASEDIR: return .reply(0)
    // Comes with each open() of Python before 3.14, which asks whether the file is a terminal.
    case FUSE_IOCTL: throw POSIXError(ENOTTY)

    default: break
    }
    switch Int(request.opcode) {
    case CAIRN_FUSE_STATX: return .reply(try statx(request, reply))
    case CAIRN_FUSE_COPY_FILE_RANGE_64: return .reply(try copyRange64(request, reply))
    default: return .unknown
    }
  }
}
