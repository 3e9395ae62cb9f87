import Catalog
import Chunks
import Glibc
import Journal
import Linux

// Operations on content. The bytes themselves move outside the lock.
extension FileSystem {
  /// Writes up to this length travel in the journal's record: one write and, for fsync, one sync of
  /// one file. Longer ones go to a staging segment, so that the lock is not held while they are copied.
  static let longestInlineWrite = 32 << 10

  /// The largest file: `off_t`'s limit, less a page of the extent map for arithmetic without overflow.
  static let largestFile: UInt64 = (1 << 63) - ExtentPage.span

  // MARK: Reading

  /// A piece of a file's content and where its bytes are, to be fetched outside the lock.
  struct Piece {
    enum Source {
      case file(SegmentFile, offset: UInt64)
      case chunk(ChunkID, offset: Int)
      case bytes([UInt8])
    }

    var position: Int
    var length: Int
    var source: Source
  }

  /// Fills `buffer` from the file; fewer bytes only at its end.
  public func read(
    _ node: NodeID, offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXError) -> Int {
    // Between the look at the map and the read of a chunk, the content may be written anew and the chunk
    // be collected: then the map says something else now.
    if let count = try read(node, offset: offset, into: buffer, isRetry: false) { return count }
    return try read(node, offset: offset, into: buffer, isRetry: true) ?? 0
  }

  /// nil, never in a retry: the catalog does not know a chunk that the map named.
  private func read(
    _ node: NodeID, offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, isRetry: Bool
  ) throws(POSIXError) -> Int? {
    let (pieces, count) = try look(node, offset: offset, count: buffer.count)
    return try fill(buffer, count, with: pieces, of: node, isRetry: isRetry) ? count : nil
  }

  /// Where the bytes of a range are, and how many of them the file has.
  func look(_ node: NodeID, offset: UInt64, count: Int) throws(POSIXError) -> (pieces: [Piece], count: Int) {
    var pieces: [Piece] = []
    let count = try withState { (state) throws(POSIXError) -> Int in
      let node = try state.regularFile(node)
      guard offset < node.row.size else { return 0 }
      let end = min(node.row.size, offset + UInt64(count))
      for extent in try state.extents(node, in: offset..<end) {
        let position = Int(extent.offset - offset)
        switch extent.content {
        case .zeros: continue
        case .chunk(let id, let start):
          pieces.append(Piece(position: position, length: Int(extent.length), source: .chunk(id, offset: Int(start))))
        case .inline(let bytes):
          pieces.append(Piece(position: position, length: Int(extent.length), source: .bytes(bytes)))
        case .staged(let segment, let start):
          guard let file = state.journal.segments.file(segment) else {
            state.report("inode \(node.id): log segment \(segment) is gone")
            throw POSIXError(EIO)
          }
          pieces.append(Piece(position: position, length: Int(extent.length), source: .file(file, offset: start)))
        }
      }
      return Int(end - offset)
    }
    return (pieces, count)
  }

  /// False, never in a retry: the catalog does not know a chunk that the map named.
  func fill(
    _ buffer: UnsafeMutableRawBufferPointer, _ count: Int, with pieces: [Piece], of node: NodeID, isRetry: Bool
  ) throws(POSIXError) -> Bool {
    var filled = 0
    for piece in pieces {
      if piece.position > filled { zero(buffer, filled..<piece.position) }
      filled = piece.position + piece.length
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[piece.position..<filled])
      guard try fetch(piece, of: node, into: part, isRetry: isRetry) else { return false }
    }
    if filled < count { zero(buffer, filled..<count) }
    return true
  }

  private func zero(_ buffer: UnsafeMutableRawBufferPointer, _ range: Range<Int>) {
    memset(buffer.baseAddress! + range.lowerBound, 0, range.count)
  }

  private func fetch(
    _ piece: Piece, of node: NodeID, into buffer: UnsafeMutableRawBufferPointer, isRetry: Bool
  ) throws(POSIXError) -> Bool {
    do {
      switch piece.source {
      case .bytes(let bytes): buffer.copyBytes(from: bytes)
      case .chunk(let id, let offset): try chunkStore.read(id, offset: offset, into: buffer)
      case .file(let file, let offset):
        guard try file.read(into: buffer, at: offset) == buffer.count else {
          throw SystemError("pread", "a log segment that ends early", EIO)
        }
      }
      return true
    } catch let error as CatalogError where error.code == .damaged && !isRetry {
      return false
    } catch {
      options.report("reading inode \(node): \(error)")
      throw POSIXError(EIO)
    }
  }

  // MARK: Writing

  /// Writes all of `bytes`. With `clearSetID` clears set-user-ID and, of executables, set-group-ID.
  /// Returns whether that changed the mode, which the kernel has to be told.
  @discardableResult
  public func write(
    _ node: NodeID, offset: UInt64, bytes: UnsafeRawBufferPointer, clearSetID: Bool, _ caller: Caller
  ) throws(POSIXError) -> Bool {
    guard !bytes.isEmpty else { return false }
    guard offset <= Self.largestFile - UInt64(bytes.count) else { throw POSIXError(EFBIG) }
    waitForRoom()
    do throws(POSIXError) {
      return try writeOnce(node, offset, bytes, clearSetID, caller)
    } catch {
      guard error.code == ENOSPC, makeRoom() else { throw error }
      return try writeOnce(node, offset, bytes, clearSetID, caller)
    }
  }

  private func writeOnce(
    _ node: NodeID, _ offset: UInt64, _ bytes: UnsafeRawBufferPointer, _ clearSetID: Bool, _ caller: Caller
  ) throws(POSIXError) -> Bool {
    let isInline = bytes.count <= Self.longestInlineWrite
    let reservation = isInline ? nil : try stage(bytes)
    var isNamed = false
    defer { if let reservation, !isNamed { journal.segments.abandon(reservation.location) } }
    return try withState { (state) throws(POSIXError) in
      // What was done then is not known any more.
      if state.answered[caller.request] != nil { return clearSetID }
      let file = try state.regularFile(node)
      try state.checkWritable(node)
      let range = offset..<offset + UInt64(bytes.count)
      try checkQuota(state, file, adding: UInt64(bytes.count) - state.allocated(file, in: range), times: 2)
      let source: Operation.Write.Source =
        if let reservation {
          .staged(location: reservation.location, checksum: reservation.checksum)
        } else {
          .inline(location: StagedLocation(segment: 0, offset: 0))
        }
      let operation = Operation.Write(
        node: node, offset: offset, length: UInt32(bytes.count), time: nanosecondsNow(),
        mode: clearSetID ? Self.withoutSetID(file.row.mode) : nil,
        dropsCapability: try state.extendedAttributes(file)[State.capabilityName] != nil, source: source)
      try state.perform(.write(operation), caller, data: isInline ? bytes : nil)
      isNamed = true
      return operation.mode != nil
    }
  }

  private func stage(_ bytes: UnsafeRawBufferPointer) throws(POSIXError) -> LogSegments.Reservation {
    do {
      return try journal.segments.stage(bytes)
    } catch {
      options.report("staging a write: \(error)")
      throw POSIXError(error.code == ENOSPC ? ENOSPC : EIO)
    }
  }

  /// Permission bits without set-user-ID and, where the group may execute, set-group-ID; nil where
  /// that changes nothing.
  static func withoutSetID(_ mode: UInt32) -> UInt32? {
    var cleared = mode & ~0o4000
    if mode & 0o0010 != 0 { cleared &= ~0o2000 }
    return cleared == mode ? nil : cleared & 0o7777
  }

  /// The same where the kernel does not say whether the caller may keep them: root may. Who is not of the file's group
  /// clears set-group-ID whether the group may execute or not.
  static func withoutSetID(_ mode: UInt32, _ caller: Caller, group: UInt32) -> UInt32? {
    if caller.uid == 0 { return nil }
    let kept = caller.gid == group ? mode : mode & ~0o2000
    return withoutSetID(kept) ?? (kept == mode ? nil : kept & 0o7777)
  }

  /// Refuses what the volume's quota (EDQUOT), or the disk for so many `times` as much (ENOSPC), has no room for.
  private func checkQuota(_ state: State, _ file: Node, adding: UInt64, times: UInt64) throws(POSIXError) {
    guard adding > 0 else { return }
    let row = try state.volume(file.id.volume).row
    if row.quotaBytes > 0 && row.usedBytes + adding > row.quotaBytes { throw POSIXError(EDQUOT) }
    guard times > 0 else { return }
    guard space.fits(adding, times: times, staged: state.journal.segments.stagedBytes) else { throw POSIXError(ENOSPC) }
  }

  // MARK: Attributes and size

  public func setAttributes(
    _ node: NodeID, _ change: AttributeChange, _ caller: Caller
  ) throws(POSIXError) -> Attributes {
    try withState { (state) throws(POSIXError) in
      let file = try state.node(node)
      if state.answered[caller.request] != nil { return file.stat }
      try state.checkWritable(node)
      let now = nanosecondsNow()
      var operation = Operation.SetAttributes(node: node, changed: change.changed ?? now)
      operation.mode = change.mode.map { $0 & 0o7777 }
      operation.uid = change.uid
      operation.gid = change.gid
      if let size = change.size {
        guard file.isRegular else { throw POSIXError(file.isDirectory ? EISDIR : EINVAL) }
        guard size <= Self.largestFile else { throw POSIXError(EFBIG) }
        operation.size = size
        operation.modified = now
      }
      switch change.accessed {
      case .now: operation.accessed = now
      case .at(let time): operation.accessed = time
      case nil: break
      }
      switch change.modified {
      case .now: operation.modified = now
      case .at(let time): operation.modified = time
      case nil: break
      }
      if change.clearSetID, let mode = Self.withoutSetID(operation.mode ?? file.row.mode) { operation.mode = mode }
      operation.dropsCapability = file.isRegular && (change.size != nil || change.uid != nil || change.gid != nil)
      try state.perform(.setAttributes(operation), caller)
      return file.stat
    }
  }

  // MARK: Space

  /// Clears set-user-ID, and set-group-ID as ``write(_:offset:bytes:clearSetID:_:)`` does, unless root calls.
  /// Returns whether that changed the mode, which the kernel has to be told.
  @discardableResult
  public func allocate(
    _ node: NodeID, _ mode: AllocationMode, offset: UInt64, length: UInt64, _ caller: Caller
  ) throws(POSIXError) -> Bool {
    guard length > 0 else { throw POSIXError(EINVAL) }
    guard offset <= Self.largestFile, length <= Self.largestFile - offset else { throw POSIXError(EFBIG) }
    return try withState { (state) throws(POSIXError) in
      if state.answered[caller.request] != nil { return true }
      let file = try state.regularFile(node)
      try state.checkWritable(node)
      let kind: Operation.AllocationKind
      switch mode {
      case .allocate(let keepSize):
        try checkQuota(state, file, adding: length - state.allocated(file, in: offset..<offset + length), times: 1)
        kind = keepSize ? .allocateKeepingSize : .allocate
      case .zeroRange(let keepSize):
        try checkQuota(state, file, adding: length - state.allocated(file, in: offset..<offset + length), times: 1)
        kind = keepSize ? .zeroRangeKeepingSize : .zeroRange
      case .punchHole: kind = .punchHole
      case .collapseRange, .insertRange:
        // As on ext4 and XFS: only whole blocks move, and only within the file.
        guard offset % 4096 == 0, length % 4096 == 0 else { throw POSIXError(EINVAL) }
        if case .collapseRange = mode {
          guard offset + length < file.row.size else { throw POSIXError(EINVAL) }
          kind = .collapseRange
        } else {
          guard offset < file.row.size else { throw POSIXError(EINVAL) }
          guard file.row.size <= Self.largestFile - length else { throw POSIXError(EFBIG) }
          kind = .insertRange
        }
      }
      let time = nanosecondsNow()
      // A record of its own, without the request's number, which says that all of the request was carried out.
      var privileges = Operation.SetAttributes(node: node, changed: time)
      privileges.mode = Self.withoutSetID(file.row.mode, caller, group: file.row.gid)
      privileges.dropsCapability = try state.extendedAttributes(file)[State.capabilityName] != nil
      if privileges.mode != nil || privileges.dropsCapability {
        try state.perform(.setAttributes(privileges), Caller())
      }
      try state.perform(.allocate(node: node, kind: kind, offset: offset, length: length, time: time), caller)
      return privileges.mode != nil
    }
  }

  /// ENXIO past the end of the file, and for data where there is none.
  public func seek(_ node: NodeID, _ target: SeekTarget, from offset: UInt64) throws(POSIXError) -> UInt64 {
    try withState { (state) throws(POSIXError) in
      let file = try state.regularFile(node)
      let size = file.row.size
      guard offset < size else { throw POSIXError(ENXIO) }
      var next = offset
      for number in try state.existingPages(file, in: offset / ExtentPage.span..<(size - 1) / ExtentPage.span + 1) {
        for extent in ExtentMap.extents(try state.page(file, number), in: offset..<size) {
          if case .zeros = extent.content { continue }
          if target == .data { return extent.offset }
          if extent.offset > next { return next }
          next = extent.end
        }
      }
      guard target == .hole else { throw POSIXError(ENXIO) }
      return min(next, size)
    }
  }

  /// Shares chunks; returns the bytes copied, fewer than asked only at the end of the source, and whether the mode of
  /// the destination changed, which the kernel has to be told.
  public func copyRange(
    _ source: NodeID, offset: UInt64, to destination: NodeID, offset destinationOffset: UInt64, length: UInt64,
    _ caller: Caller
  ) throws(POSIXError) -> (count: UInt64, changesMode: Bool) {
    try withState { (state) throws(POSIXError) in
      let from = try state.regularFile(source)
      let to = try state.regularFile(destination)
      guard offset < from.row.size, length > 0 else { return (0, false) }
      let count = min(length, from.row.size - offset)
      if state.answered[caller.request] != nil { return (count, true) }
      try state.checkWritable(destination)
      guard destinationOffset <= Self.largestFile - count else { throw POSIXError(EFBIG) }
      if from === to, offset < destinationOffset + count, destinationOffset < offset + count {
        throw POSIXError(EINVAL)
      }
      let range = destinationOffset..<destinationOffset + count
      let present = try state.allocated(to, in: range)
      let shared = try state.allocated(from, in: offset..<offset + count)
      try checkQuota(state, to, adding: shared - min(shared, present), times: 0)
      let mode = Self.withoutSetID(to.row.mode, caller, group: to.row.gid)
      try state.perform(
        .copyRange(
          Operation.CopyRange(
            source: source, sourceOffset: offset, destination: destination, destinationOffset: destinationOffset,
            length: count, mode: mode,
            dropsCapability: try state.extendedAttributes(to)[State.capabilityName] != nil, time: nanosecondsNow())),
        caller)
      return (count, mode != nil)
    }
  }

  // MARK: Durability

  /// fsync and fsyncdir: returns once the file and every operation before it survive a power cut.
  public func synchronize(_ node: NodeID) throws(POSIXError) {
    Waiting.announce(isBrief: true)
    do {
      try journal.sync()
    } catch {
      options.report("fsync of inode \(node): \(error)")
      throw POSIXError(error.errno == ENOSPC ? ENOSPC : EIO)
    }
  }
}
