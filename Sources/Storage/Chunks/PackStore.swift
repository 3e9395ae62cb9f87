import Glibc
import Linux
import Synchronization

/// The packs of a store: chunks go in by ``append(_:_:_:)`` and come out by ``read(_:_:_:into:)``. It knows
/// nothing of what chunks there are: that is the catalog's. All methods are thread-safe.
///
/// Appends of several threads run at once: each takes its place in the pack under the lock, and
/// compresses and writes outside it. A pack is only ever written by the process that began it.
public final class PackStore: Sendable {
  /// A pack that this process writes: the active one, or a full one that is not sealed yet.
  private struct OpenPack {
    let file: any DiskFile
    /// Where the next record goes.
    var end = UInt64(PackFormat.headerLength)
    /// Of the records that are written.
    var entries: [PackIndexEntry] = []
    /// Places given out, written or not: the index will have no more entries.
    var places = 0
    /// Appends between taking their place and having written.
    var writing = 0
    /// Counts writes; what is above `synced` may not survive a power cut.
    var written = 0
    var synced = 0
    var isSealing = false
  }

  private struct Writer {
    var active: UInt64?
    var open: [UInt64: OpenPack] = [:]
    var next: UInt64
    /// Set by a failed sync. The kernel reports lost writes once and then calls them clean, so no
    /// later sync could be believed.
    var failure: SystemError?
    var isClosed = false
  }

  private let disk: any Disk
  private let storeID: [UInt8]
  private let checksumSeed: UInt32
  private let packBytes: UInt64
  private let writer: Monitor<Writer>
  private let table: Mutex<PackTable>
  private let readAround = SharedReadAround()
  /// Held by the thread that syncs. Those that wait for it find most often that it has synced theirs too.
  private let syncing = Mutex(())
  /// What was done at the start about packs that an earlier process left unsealed.
  public let recoveries: [PackRecovery]
  /// Above the numbers of the chunks in all packs that were opened at the start.
  public let nextChunk: ChunkID

  /// Opens the packs on `disk`, makes their directory if need be, and seals what a killed process left.
  ///
  /// - Parameters:
  ///   - storeID: the superblock's.
  ///   - nextPack: a number above those of all packs that ever were; also above all that are there.
  ///   - packBytes: a pack that has reached this length is full.
  ///   - known: packs known to be sealed, with their lengths: they are not opened.
  public init(
    disk: any Disk, storeID: [UInt8], nextPack: UInt64, packBytes: UInt64 = 64 << 20, known: [UInt64: UInt64] = [:]
  ) throws(StoreError) {
    precondition(storeID.count == 16)
    let survey = try Self.recover(disk, storeID, known)
    self.disk = disk
    self.storeID = storeID
    self.packBytes = packBytes
    checksumSeed = RecordHeader.checksumSeed(storeID: storeID)
    recoveries = survey.recoveries
    nextChunk = survey.nextChunk
    table = Mutex(survey.table)
    writer = Monitor(Writer(next: max(nextPack, survey.nextPack)))
  }

  /// The number that the next pack gets. To be kept, so that numbers of removed packs are not used again.
  public var nextPack: UInt64 { writer.withLock { $0.next } }

  // MARK: Appending

  /// Stores a chunk: `content`, 1 byte to ``ChunkParameters/largestMaximum``, of which `digest` must be the
  /// digest. It can be read when this returns, and survives a power cut after the next ``sync()``.
  ///
  /// - Parameter chunk: its number, which no other content ever had: a catalog that lost the chunk's row
  ///   finds it again by the number in the record.
  public func append(
    _ digest: Digest, _ chunk: ChunkID, _ content: UnsafeRawBufferPointer
  ) throws(ChunkError) -> ChunkLocation {
    precondition(content.count >= 1 && content.count <= ChunkParameters.largestMaximum, "no chunk has this length")
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: RecordHeader.length + content.count + Int(PackFormat.alignment), alignment: 16)
    defer { buffer.deallocate() }
    let (codec, storedLength) = Compression.encode(
      content, into: UnsafeMutableRawBufferPointer(rebasing: buffer[RecordHeader.length...]))
    let header = RecordHeader(
      codec: codec, storedLength: UInt32(storedLength), length: UInt32(content.count), digest: digest, chunk: chunk)
    header.encode(into: buffer, checksumSeed: checksumSeed)
    return try append(UnsafeRawBufferPointer(rebasing: buffer[..<Int(header.paddedLength)]), header)
  }

  /// Stores a chunk of this store once more, its record as it is, after proving that it is whole. It
  /// survives a power cut after the next ``sync()``; the record at `location` stays.
  public func copy(
    _ location: ChunkLocation, _ chunk: ChunkID, _ digest: Digest
  ) throws(ChunkError) -> ChunkLocation {
    try reader(location.pack).withVerifiedRecord(location, chunk, digest) { (record, header) throws(ChunkError) in
      let padded = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(header.paddedLength), alignment: 16)
      defer { padded.deallocate() }
      padded.copyMemory(from: record)
      for index in record.count..<padded.count { padded[index] = 0 }
      return try append(UnsafeRawBufferPointer(padded), header)
    }
  }

  private func append(_ record: UnsafeRawBufferPointer, _ header: RecordHeader) throws(ChunkError) -> ChunkLocation {
    let place = try takePlace(header.paddedLength)
    let entry = PackIndexEntry(header, offset: place.offset)
    defer { sealFullPacks() }
    do {
      try place.file.write(record, at: place.offset)
    } catch {
      // The place stays empty; a scan skips it, and the index does not name it.
      finishWriting(place.pack, nil)
      throw .disk(error)
    }
    finishWriting(place.pack, entry)
    return entry.location(in: place.pack)
  }

  private func takePlace(
    _ length: UInt64
  ) throws(ChunkError) -> (pack: UInt64, offset: UInt64, file: any DiskFile) {
    try writer.withLock { state throws(ChunkError) in
      if state.isClosed { throw .closed }
      if let failure = state.failure { throw .disk(failure) }
      if let active = state.active, let pack = state.open[active], pack.places > 0 {
        let footer = UInt64((pack.places + 1) * PackIndexEntry.length + PackFormat.trailerLength)
        if pack.end + length + footer > packBytes { state.active = nil }
      }
      let number: UInt64
      if let active = state.active {
        number = active
      } else {
        number = try beginPack(&state)
      }
      guard var pack = state.open.removeValue(forKey: number) else { fatalError("the active pack is not open") }
      let offset = pack.end
      pack.end += length
      pack.places += 1
      pack.writing += 1
      state.open[number] = pack
      return (number, offset, pack.file)
    }
  }

  /// Under the lock, though it writes: without a pack nobody could go on, and it comes once in 64 MiB.
  private func beginPack(_ state: inout Writer) throws(ChunkError) -> UInt64 {
    let number = state.next
    let path = PackFormat.path(number)
    state.next += 1
    do {
      let file = try disk.open(path, create: true)
      do {
        // Appends then overwrite what is allocated, which makes their sync cheaper. Where it can't be
        // had, on a file system without it or with too little space, the writes themselves decide.
        try file.allocate(offset: 0, length: packBytes)
      } catch  where error.code == EOPNOTSUPP || error.code == ENOSYS || error.code == ENOSPC {}
      try file.write(PackFormat.header(storeID: storeID, pack: number), at: 0)
      try disk.syncDirectory(PackFormat.directory)
      state.open[number] = OpenPack(file: file)
      state.active = number
      table.withLock {
        $0.set(number, bytes: UInt64(PackFormat.headerLength), sealed: false)
        $0.keep(PackReader(pack: number, file: file, checksumSeed: checksumSeed, readAround: readAround))
      }
      return number
    } catch {
      // Best effort: an empty pack that stays is removed at the next start.
      try? disk.remove(path)
      throw .disk(error)
    }
  }

  private func finishWriting(_ number: UInt64, _ entry: PackIndexEntry?) {
    writer.withLock { state in
      state.open[number]?.writing -= 1
      if let entry {
        state.open[number]?.entries.append(entry)
        state.open[number]?.written += 1
      }
    }
    writer.wakeAll()
  }

  // MARK: Durability

  /// Makes every append that has returned survive a power cut. After it failed once no append or sync
  /// succeeds any more: what was written before is safe only as far as a sync returned.
  public func sync() throws(ChunkError) {
    let unsynced = try writer.withLock { state throws(ChunkError) -> [UInt64] in
      if let failure = state.failure { throw .disk(failure) }
      return state.open.filter { $0.value.synced < $0.value.written }.map(\.key)
    }
    for number in unsynced { try syncPack(number) }
  }

  private func syncPack(_ number: UInt64) throws(ChunkError) {
    try syncing.withLock { _ throws(ChunkError) in
      let target = try writer.withLock { state throws(ChunkError) -> (file: any DiskFile, written: Int)? in
        if let failure = state.failure { throw .disk(failure) }
        // A pack that is not open any more was synced when it was sealed.
        guard let pack = state.open[number], pack.synced < pack.written else { return nil }
        return (pack.file, pack.written)
      }
      guard let target else { return }
      do throws(SystemError) {
        try target.file.sync()
      } catch {
        writer.withLock { $0.failure = error }
        throw .disk(error)
      }
      writer.withLock { $0.open[number]?.synced = target.written }
    }
  }

  // MARK: Sealing

  /// Seals the packs that are full and have no writer any more. One that can't be sealed, for lack of
  /// space say, loses nothing: the next append, ``close()`` or start tries again.
  private func sealFullPacks() {
    let full = writer.withLock { state -> [UInt64] in
      if state.open.count < 2 && state.active != nil { return [] }
      return state.open.keys.filter { $0 != state.active }
    }
    for number in full { try? seal(number) }
  }

  /// Writes the index and the trailer, gives back what was preallocated, and syncs. Nothing where the
  /// pack still has writers or another thread seals it.
  private func seal(_ number: UInt64) throws(ChunkError) {
    let pack = writer.withLock { state -> OpenPack? in
      guard number != state.active, let pack = state.open[number], pack.writing == 0, !pack.isSealing else {
        return nil
      }
      state.open[number]?.isSealing = true
      return pack
    }
    guard let pack else { return }
    defer { writer.wakeAll() }
    let footer = PackFormat.footer(storeID: storeID, pack: number, end: pack.end, entries: pack.entries)
    let length = pack.end + UInt64(footer.count)
    do throws(ChunkError) {
      do {
        try pack.file.write(footer, at: pack.end)
        try pack.file.truncate(to: length)
      } catch {
        throw .disk(error)
      }
      writer.withLock { $0.open[number]?.written += 1 }
      try syncPack(number)
    } catch {
      writer.withLock { $0.open[number]?.isSealing = false }
      throw error
    }
    table.withLock { $0.set(number, bytes: length, sealed: true) }
    writer.withLock { _ = $0.open.removeValue(forKey: number) }
  }

  /// Lets the next append begin a new pack, and seals `pack` as soon as nobody writes to it: only then
  /// can it be removed. Nothing if it is not the one that is written to.
  public func finish(pack: UInt64) {
    writer.withLock { if $0.active == pack { $0.active = nil } }
    sealFullPacks()
  }

  /// Waits for the appends under way, seals every pack, and makes all survive a power cut. Later appends
  /// throw; reads go on.
  public func close() throws(ChunkError) {
    let numbers = writer.wait { state -> [UInt64]? in
      state.isClosed = true
      state.active = nil
      return state.open.values.contains { $0.writing > 0 || $0.isSealing } ? nil : state.open.keys.sorted()
    }
    for number in numbers ?? [] { try seal(number) }
  }

  // MARK: Reading

  /// An open pack, for who wants to read chunks of it whatever is removed meanwhile.
  public func reader(_ pack: UInt64) throws(ChunkError) -> PackReader {
    let (known, kept) = table.withLock { ($0.entries[pack] != nil, $0.reader(pack)) }
    if let kept { return kept }
    guard known else { throw .missing(pack: pack) }
    let reader: PackReader
    do {
      reader = PackReader(
        pack: pack, file: try disk.open(PackFormat.path(pack), create: false), checksumSeed: checksumSeed,
        readAround: readAround)
    } catch {
      throw error.code == ENOENT ? .missing(pack: pack) : .disk(error)
    }
    table.withLock { $0.keep(reader) }
    return reader
  }

  /// Reads a chunk, or its beginning, with one read of the disk: ``PackReader/read(_:_:_:into:)``.
  public func read(
    _ location: ChunkLocation, _ chunk: ChunkID, _ digest: Digest, into content: UnsafeMutableRawBufferPointer
  ) throws(ChunkError) {
    try reader(location.pack).read(location, chunk, digest, into: content)
  }

  // MARK: Housekeeping

  /// Removes a sealed pack, or forgets one whose file is gone. Who holds a reader of it can go on reading.
  public func remove(pack: UInt64) throws(ChunkError) {
    if writer.withLock({ $0.open[pack] != nil }) { throw .inUse(pack: pack) }
    guard table.withLock({ $0.entries[pack] != nil }) else { throw .missing(pack: pack) }
    do {
      do { try disk.remove(PackFormat.path(pack)) } catch  where error.code == ENOENT {}
      table.withLock { $0.remove(pack) }
      try disk.syncDirectory(PackFormat.directory)
    } catch {
      throw .disk(error)
    }
  }

  /// All packs, by number. `bytes` is the file's length; of a pack that is not sealed, what is used of it.
  public func packs() -> [(number: UInt64, bytes: UInt64, sealed: Bool)] {
    let open = writer.withLock { $0.open.mapValues(\.end) }
    return table.withLock { table in
      table.entries.map { (number: $0.key, bytes: open[$0.key] ?? $0.value.bytes, sealed: $0.value.sealed) }
        .sorted { $0.number < $1.number }
    }
  }
}
