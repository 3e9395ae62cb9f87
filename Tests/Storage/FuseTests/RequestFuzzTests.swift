import CFuse3
import CFuseShim
import Catalog
import FileSystem
import Glibc
import Linux
import Synchronization
import TestSupport
import Testing

@testable import Fuse

/// Requests of each seed. A soak sets CAIRN_FUZZ.
private let requests = getenv("CAIRN_FUZZ").flatMap { Int(String(cString: $0)) } ?? 3000

/// Requests such as the kernel never sends, in the process and without a mount: whatever comes, the server stands,
/// its answers are ones that the kernel takes, and the store is sound.
@Suite struct RequestFuzzTests {
  @Test(arguments: testSeeds(4))
  func `whatever is asked the server stands and the store is sound`(seed: UInt64) throws {
    let directory = TemporaryDirectory()
    let reports = Mutex<[String]>([])
    var options = FileSystem.Options()
    options.checkpointSeconds = 0.2
    options.cachedInodes = 50
    options.report = { line in reports.withLock { $0.append(line) } }
    let fileSystem = try FileSystem(
      disk: LocalDisk(root: directory.path), catalogDirectory: directory.path, options: options)
    let roots = try furnish(fileSystem)
    // Notifications of the kernel go nowhere.
    let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
    try #require(null >= 0)
    defer { close(null) }
    let handler = RequestHandler(fileSystem: fileSystem, descriptor: null, mountNumber: 1)
    let reply = ReplyBuffer(capacity: Int(Negotiation.maxWrite))
    var maker = RequestMaker(seed: seed, directories: roots)
    var answered: [UInt32: Int] = [:]
    for number in 0..<requests {
      let bytes = maker.next()
      if let problem = send(bytes, to: handler, reply, &maker, &answered) {
        Issue.record("request \(number) of seed \(seed), \(bytes.prefix(120)): \(problem)")
      }
    }
    // Else nothing is shown by what follows: most kinds of requests were carried out.
    #expect(answered.count > 20)
    // As it would be found if the process were killed now: the journal is read back.
    let copy = TemporaryDirectory()
    try copyDirectory(directory.path, to: copy.path + "/store")
    let found = try fileSystem.check(repair: false).findings
    #expect(found == [], "seed \(seed)")
    fileSystem.close()
    let again = try FileSystem(
      disk: LocalDisk(root: copy.path + "/store"), catalogDirectory: copy.path + "/store", options: options)
    let foundAgain = try again.check(repair: false).findings
    #expect(foundAgain == [], "seed \(seed), replayed")
    again.close()
    #expect(reports.withLock { $0 } == [], "seed \(seed)")
  }

  /// The name that a request gives to what it makes.
  private func name(in request: Request) -> [UInt8]? {
    var arguments = request.arguments
    let skipped: Int
    switch fuse_opcode(request.opcode) {
    case FUSE_LOOKUP, FUSE_SYMLINK: skipped = 0
    case FUSE_MKNOD: skipped = MemoryLayout<fuse_mknod_in>.size
    case FUSE_MKDIR: skipped = MemoryLayout<fuse_mkdir_in>.size
    case FUSE_LINK: skipped = MemoryLayout<fuse_link_in>.size
    default: return nil
    }
    _ = try? arguments.takeBytes(skipped)
    return try? arguments.takeName()
  }

  /// A volume with a few files, a sealed one, and one with a quota. Returns directories to begin with.
  private func furnish(_ fileSystem: FileSystem) throws -> [UInt64] {
    let volume = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
    let root = NodeID(volume: volume.id, inode: volume.root)
    var nodes = [root.rawValue, root.rawValue, 1]
    // A file that a snapshot has too.
    let file = try fileSystem.make(root, Array("a".utf8), NewNode(mode: FileType.regular | 0o755), Caller()).node
    let content = [UInt8](repeating: 3, count: 100_000)
    _ = try content.withUnsafeBytes {
      try fileSystem.write(file, offset: 0, bytes: $0, clearSetID: false, Caller())
    }
    let directory = NewNode(mode: FileType.directory | 0o755)
    nodes.append(try fileSystem.make(root, Array("dir".utf8), directory, Caller()).node.rawValue)
    let sealed = try fileSystem.snapshot(volume.id, path: nil)
    nodes.append(NodeID(volume: sealed.id, inode: sealed.root).rawValue)
    let small = try fileSystem.createVolume(VolumeRequest(kind: .workspace))
    try fileSystem.setQuota(small.id, bytes: 1 << 20, inodes: 10)
    nodes.append(NodeID(volume: small.id, inode: small.root).rawValue)
    return nodes
  }

  /// Sends a request; returns what is wrong with the answer.
  private func send(
    _ bytes: [UInt8], to handler: RequestHandler, _ reply: borrowing ReplyBuffer, _ maker: inout RequestMaker,
    _ answered: inout [UInt32: Int]
  ) -> String? {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    guard let request = Request(UnsafeRawBufferPointer(memory)) else {
      let length = bytes.count < 40 ? nil : bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
      return length.map(Int.init) == bytes.count ? "a whole request was refused" : nil
    }
    do throws(POSIXError) {
      guard case .reply(let count) = try handler.handle(request, reply) else { return nil }
      answered[request.opcode, default: 0] += 1
      if entryAnswers.contains(request.opcode), count >= MemoryLayout<fuse_entry_out>.size {
        let entry = reply.payload.loadUnaligned(as: fuse_entry_out.self)
        maker.learn(entry.nodeid, mode: entry.attr.mode, parent: request.header.nodeid, name: name(in: request))
      }
      let most = room(request)
      return count <= most ? nil : "an answer of \(count) bytes, and there is room for \(most)"
    } catch {
      // The kernel takes an answer with any other error for a fault of the server's.
      return (1..<512).contains(error.code) ? nil : "errno \(error.code)"
    }
  }

  private let entryAnswers = Set(
    [FUSE_LOOKUP, FUSE_MKNOD, FUSE_MKDIR, FUSE_SYMLINK, FUSE_LINK, FUSE_TMPFILE].map(\.rawValue))

  /// The most bytes that the kernel has room for in an answer.
  private func room(_ request: Request) -> Int {
    var arguments = request.arguments
    switch fuse_opcode(request.opcode) {
    case FUSE_READ, FUSE_READDIR, FUSE_READDIRPLUS: return Int((try? arguments.take(fuse_read_in.self))?.size ?? 0)
    case FUSE_GETXATTR, FUSE_LISTXATTR:
      let size = Int((try? arguments.take(fuse_getxattr_in.self))?.size ?? 0)
      return size == 0 ? MemoryLayout<fuse_getxattr_out>.size : size
    case FUSE_READLINK: return 4095
    case FUSE_LOOKUP, FUSE_MKNOD, FUSE_MKDIR, FUSE_SYMLINK, FUSE_LINK: return MemoryLayout<fuse_entry_out>.size
    case FUSE_TMPFILE: return MemoryLayout<fuse_entry_out>.size + MemoryLayout<fuse_open_out>.size
    case FUSE_GETATTR, FUSE_SETATTR: return MemoryLayout<fuse_attr_out>.size
    case FUSE_WRITE, FUSE_COPY_FILE_RANGE, FUSE_LSEEK: return 8
    case FUSE_STATFS: return MemoryLayout<fuse_statfs_out>.size
    default:
      switch Int(request.opcode) {
      case CAIRN_FUSE_STATX: return MemoryLayout<cairn_fuse_statx_out>.size
      case CAIRN_FUSE_COPY_FILE_RANGE_64: return 8
      default: return 0
      }
    }
  }
}
