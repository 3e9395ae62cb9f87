import Catalog
import Chunks
import Glibc
import Journal
import Linux

// Trees that are brought in without going through the mount: only chunks that the store lacks are sent.
extension FileSystem {
  /// Those of `digests` that the store lacks, in their order. The others stay for an hour, unless the
  /// daemon is restarted.
  public func missingChunks(_ digests: [Digest]) throws(VolumeError) -> [Digest] {
    do {
      return try zip(digests, chunkStore.promise(digests)).filter { $0.1 == nil }.map(\.0)
    } catch {
      options.report("look up chunks: \(error)")
      throw VolumeError(.failed, "look up chunks: \(error)")
    }
  }

  /// Stores a chunk's content (1 byte to the chunking parameters' maximum).
  public func addChunk(_ content: UnsafeRawBufferPointer) throws(VolumeError) -> Digest {
    guard content.count >= 1, content.count <= chunkParameters.maximum else {
      throw VolumeError(
        .invalid, "A chunk has 1 to \(chunkParameters.maximum) bytes; this one has \(content.count).")
    }
    guard space.fits(UInt64(content.count), times: 2, staged: journal.segments.stagedBytes) else {
      throw VolumeError(.failed, "The disk is full. Remove volumes or files, or add space.")
    }
    do {
      return try chunkStore.store(content, promised: true).digest
    } catch {
      options.report("store a chunk: \(error)")
      throw VolumeError(.failed, "store a chunk: \(error)")
    }
  }

  /// Makes a sealed volume of a tree whose chunks are all in the store. Nobody sees it before all of it is there, and
  /// a process that dies meanwhile leaves nothing of it.
  public func ingest(_ request: VolumeRequest, _ entries: [IngestEntry]) throws(VolumeError) -> VolumeInformation {
    guard let first = entries.first, first.path.isEmpty, case .directory = first.content else {
      throw VolumeError(.invalid, "A tree begins with its root: a directory with an empty path.")
    }
    // Before the work; whether it is free is seen after it.
    if let path = request.path { _ = try checkPath(path) }
    // The journal names chunks by number, so their rows must outlive a crash before it does.
    do { try checkpoint() } catch { throw VolumeError(.failed, "store the chunks of a tree: \(error)") }
    var rootRequest = request
    rootRequest.uid = first.uid
    rootRequest.gid = first.gid
    rootRequest.mode = first.mode & ~TreeBuilder.inheritance
    let volume = try createIncompleteVolume(rootRequest)
    do {
      var builder = TreeBuilder(fileSystem: self, volume: volume)
      for entry in entries.dropFirst() { try builder.add(entry) }
      try builder.finish(root: first)
      return try placeVolume(volume.id, at: request.path)
    } catch {
      discardIncompleteVolume(volume.id)
      throw error
    }
  }
}

/// Makes the files of a tree one after the other.
private struct TreeBuilder {
  /// Set-group-ID, which makes what comes into a directory inherit its group. A tree is brought in as it is described,
  /// so its directories get the bit when all is in them.
  static let inheritance: UInt32 = 0o2000

  let fileSystem: FileSystem
  let volume: VolumeInformation
  private var directories: [[UInt8]: NodeID]
  private var files: [[UInt8]: NodeID] = [:]
  private var unfinished: [(NodeID, IngestEntry)] = []

  init(fileSystem: FileSystem, volume: VolumeInformation) {
    self.fileSystem = fileSystem
    self.volume = volume
    directories = [[]: NodeID(volume: volume.id, inode: volume.root)]
  }

  mutating func add(_ entry: IngestEntry) throws(VolumeError) {
    let components = entry.path.split(separator: 0x2F, omittingEmptySubsequences: false)
    guard let name = components.last, !components.contains(where: \.isEmpty) else {
      throw invalid(entry, "has an empty name in its path")
    }
    guard entry.path.count <= 1 << 16 else { throw invalid(entry, "has a path of \(entry.path.count) bytes") }
    guard entry.uid != .max, entry.gid != .max else { throw invalid(entry, "belongs to nobody: -1 is no owner") }
    let parentPath = [UInt8](components.dropLast().joined(separator: [0x2F]))
    guard let parent = directories[parentPath] else { throw invalid(entry, "comes before its directory") }
    let caller = Caller(uid: entry.uid, gid: entry.gid)
    do {
      switch entry.content {
      case .directory:
        let mode = FileType.directory | entry.mode & 0o7777 & ~Self.inheritance
        let made = try fileSystem.make(parent, [UInt8](name), NewNode(mode: mode), caller)
        directories[entry.path] = made.node
        unfinished.append((made.node, entry))
      case .symbolicLink(let target):
        guard (1...FileSystem.longestTarget).contains(target.count) else { throw POSIXError(EINVAL) }
        let made = try fileSystem.make(
          parent, [UInt8](name), NewNode(mode: FileType.symbolicLink | 0o777, target: target), caller)
        try setTime(made.node, entry.modified)
      case .hardLink(let target):
        guard let node = files[target] else { throw invalid(entry, "is another name of what did not come before") }
        _ = try fileSystem.link(node, to: parent, [UInt8](name), caller)
        files[entry.path] = node
      case .file(let digests):
        let made = try fileSystem.make(
          parent, [UInt8](name), NewNode(mode: FileType.regular | entry.mode & 0o7777), caller)
        files[entry.path] = made.node
        try fileSystem.assemble(made.node, digests, entry)
        try setTime(made.node, entry.modified)
      }
    } catch let error as VolumeError {
      throw error
    } catch let error as POSIXError {
      var refusal = invalid(entry, "can't be made: \(String(cString: strerror(error.code)))")
      // The store's fault and not the tree's.
      if error.code == EIO || error.code == ENOSPC { refusal = VolumeError(.failed, refusal.message) }
      throw refusal
    } catch {
      throw VolumeError(.failed, "make \(String(decoding: entry.path, as: UTF8.self)): \(error)")
    }
  }

  /// Directories get their times last: making what is in them changed these.
  func finish(root: IngestEntry) throws(VolumeError) {
    do throws(POSIXError) {
      for (node, entry) in unfinished + [(NodeID(volume: volume.id, inode: volume.root), root)] {
        try setTime(node, entry.modified, mode: entry.mode & Self.inheritance == 0 ? nil : entry.mode)
      }
    } catch {
      throw VolumeError(.failed, "set the times of directories: \(String(cString: strerror(error.code)))")
    }
  }

  private func setTime(_ node: NodeID, _ time: Int64, mode: UInt32? = nil) throws(POSIXError) {
    var change = AttributeChange()
    change.modified = .at(time)
    change.mode = mode
    _ = try fileSystem.setAttributes(node, change, Caller())
  }

  private func invalid(_ entry: IngestEntry, _ why: String) -> VolumeError {
    VolumeError(.invalid, "The entry “\(String(decoding: entry.path, as: UTF8.self))” \(why).")
  }
}

extension FileSystem {
  fileprivate func assemble(_ node: NodeID, _ digests: [Digest], _ entry: IngestEntry) throws {
    guard !digests.isEmpty else { return }
    var rows = try chunkStore.promise(digests)
    // Of a chunk that came while the tree is being made the row must be in the catalog too, before the
    // journal names its number: after a crash the number would be given to other content.
    if chunkStore.isAnyPending(rows.compactMap { $0?.id }) {
      try checkpoint()
      rows = try chunkStore.promise(digests)
    }
    var chunks: [Operation.AssembledChunk] = []
    for (digest, row) in zip(digests, rows) {
      guard let row else {
        throw VolumeError(
          .invalid,
          "The entry “\(String(decoding: entry.path, as: UTF8.self))” names chunk \(digest.hexadecimal), "
            + "which the store does not have. Send it first.")
      }
      chunks.append(Operation.AssembledChunk(chunk: row.id, length: row.location.length))
    }
    let added = chunks.reduce(UInt64(0)) { $0 + UInt64($1.length) }
    guard added <= Self.largestFile else { throw POSIXError(EFBIG) }
    try withState { (state) throws(POSIXError) in
      let row = try state.volume(node.volume).row
      if row.quotaBytes > 0 && row.usedBytes + added > row.quotaBytes { throw POSIXError(EDQUOT) }
      try state.perform(.assemble(node: node, chunks: chunks, time: entry.modified), Caller())
    }
  }
}
