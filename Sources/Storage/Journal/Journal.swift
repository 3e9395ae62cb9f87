import Catalog
import Glibc
import Linux
import Synchronization

/// A journal that can't be read or written.
public struct JournalError: Error, CustomStringConvertible, Sendable {
  public enum Code: Sendable {
    /// What was acknowledged as durable is damaged.
    case damaged
    case newerVersion
    case failed
  }

  public let code: Code
  public let message: String
  /// Of the system call that failed; 0: none did.
  public let errno: Int32

  init(_ code: Code, _ message: String, errno: Int32 = 0) {
    self.code = code
    self.message = message
    self.errno = errno
  }

  init(_ error: SystemError) {
    self.init(.failed, error.description, errno: error.code)
  }

  public var description: String { message }
}

/// The ordered journal: every change to the store is appended here before it is acknowledged, so a
/// killed process loses nothing, and is durable once ``sync()`` has returned. The format is
/// described in `docs/formats.md`.
///
/// ``append(_:request:data:)`` and ``roll()`` are called by one thread at a time (under the file
/// system's lock); the other methods are thread-safe.
public final class Journal: Sendable {
  static let headerLength = 64
  static let recordHeaderLength = 40
  static let magic: UInt64 = 0x314C_4E4A_4E52_4143  // "CARNJNL1"
  static let version: UInt32 = 1
  /// Bytes that a segment is given at once: `fdatasync` need not write new block addresses then.
  public static let standardSegmentLength: UInt64 = 64 << 20

  public let segments: LogSegments
  private let disk: any Disk
  private let storeID: [UInt8]
  private let segmentLength: UInt64
  private let state: Mutex<State>
  private let syncGate = Monitor(SyncGate())

  private struct State {
    var current: (number: UInt64, file: any DiskFile, checksumSeed: UInt32)?
    var offset: UInt64 = 0
    /// The current segment was not a spare: syncing it costs more.
    var isAllocatedOnly = false
    var firstSequences: [(segment: UInt64, first: LogSequenceNumber)] = []
    var unsynced: [any DiskFile] = []
    /// Segments before the current one, and how much of each this process has used.
    var ended: [(segment: UInt64, file: any DiskFile, length: UInt64)] = []
    var last: LogSequenceNumber
    var writer = ByteWriter()
  }

  private struct SyncGate {
    var durable: LogSequenceNumber = 0
    var isSyncing = false
    /// Set by a failed sync. The kernel reports lost writes once and then calls them clean, so no
    /// later sync could be believed.
    var failure: JournalError?
  }

  /// Opens the journal of a store. ``recover(applied:replay:)`` comes next.
  public init(
    disk: any Disk, storeID: [UInt8], segmentLength: UInt64 = standardSegmentLength
  ) throws(SystemError) {
    self.disk = disk
    self.storeID = storeID
    self.segmentLength = segmentLength
    segments = try LogSegments(disk: disk, segmentLength: segmentLength)
    state = Mutex(State(last: 0))
  }

  /// Calls `replay` for each operation in the journal in order: those up to `applied`, which the
  /// catalog has, too, as far as they are still there. They are durable when it returns: what is built
  /// on them must not outlive them. New operations go to a segment of their own. Throws ``JournalError``
  /// and what `replay` throws.
  public func recover(
    applied: LogSequenceNumber, replay: (LogSequenceNumber, _ request: UInt64, Operation) throws -> Void
  ) throws {
    let recovery = JournalRecovery(disk: disk, storeID: storeID, segments: segments)
    let found = try recovery.run(applied: applied, replay: replay)
    state.withLock { state in
      state.firstSequences = found.segments
      state.last = found.last
    }
    for (segment, _) in found.segments { try segments.file(segment)?.file.sync() }
    try segments.syncStaging()
    syncGate.withLock { $0.durable = found.last }
  }

  /// What the checksums of a segment's records begin with. It keeps bytes that a user wrote, or that
  /// another segment left, from passing for a record.
  static func checksumSeed(storeID: [UInt8], segment: UInt64) -> UInt32 {
    var writer = ByteWriter(bytes: storeID)
    writer.integer(segment)
    return writer.bytes.withUnsafeBytes { crc32c($0) }
  }

  /// The last operation appended.
  public var lastSequence: LogSequenceNumber { state.withLock { $0.last } }

  /// Bytes of the journal's segments.
  public var length: UInt64 {
    state.withLock { UInt64(max(0, $0.firstSequences.count - 1)) * segmentLength + $0.offset }
  }

  /// Appends an operation; with `data`, the bytes of an inline write. It is in the kernel's hands
  /// when this returns: a killed process does not lose it.
  ///
  /// Returns its number and where `data` lies.
  public func append(
    _ operation: Operation, request: UInt64, data: UnsafeRawBufferPointer? = nil
  ) throws(JournalError) -> (sequence: LogSequenceNumber, location: StagedLocation) {
    do throws(SystemError) {
      return try state.withLock { state throws(SystemError) in
        let durable = syncGate.withLock { $0.durable }
        let sequence = state.last + 1
        state.writer.bytes.removeAll(keepingCapacity: true)
        state.writer.integer(UInt32(0))
        state.writer.integer(UInt32(0))
        state.writer.integer(sequence)
        state.writer.integer(durable)
        state.writer.integer(request)
        state.writer.integer(operation.type.rawValue)
        state.writer.integer(UInt16(0))
        state.writer.integer(UInt32(0))
        operation.encode(into: &state.writer)
        let dataOffset = UInt64(state.writer.bytes.count)
        if let data { state.writer.raw(data) }
        let payloadLength = state.writer.bytes.count - Self.recordHeaderLength
        state.writer.pad()
        state.writer.set(UInt32(state.writer.bytes.count), at: 0)
        state.writer.set(UInt32(payloadLength), at: 36)
        if state.current == nil || state.offset + UInt64(state.writer.bytes.count) > segmentLength {
          try begin(&state, first: sequence)
        }
        guard let current = state.current else { throw SystemError("append", "journal", EIO) }
        let checksum = state.writer.bytes.withUnsafeBytes {
          crc32c(UnsafeRawBufferPointer(rebasing: $0[8...]), seed: current.checksumSeed)
        }
        state.writer.set(checksum, at: 4)
        // When this fails the space is written again by the next record, so nothing half-written is ever read.
        let offset = state.offset
        try state.writer.bytes.withBytes { bytes throws(SystemError) in try current.file.write(bytes, at: offset) }
        state.offset += UInt64(state.writer.bytes.count)
        state.last = sequence
        return (sequence, StagedLocation(segment: current.number, offset: offset + dataOffset))
      }
    } catch {
      throw JournalError(error)
    }
  }

  private func begin(_ state: inout State, first: LogSequenceNumber) throws(SystemError) {
    let isSpare = segments.hasSpare
    let (number, file) = try segments.createJournalSegment()
    var header = ByteWriter()
    header.integer(Self.magic)
    header.integer(Self.version)
    header.integer(UInt32(0))
    header.bytes.append(contentsOf: storeID)
    header.integer(number)
    header.integer(first)
    while header.bytes.count < Self.headerLength - 4 { header.bytes.append(0) }
    let checksum = header.bytes.withUnsafeBytes { crc32c($0) }
    header.integer(checksum)
    do throws(SystemError) {
      try header.bytes.withBytes { bytes throws(SystemError) in try file.write(bytes, at: 0) }
    } catch {
      try? segments.removeJournalSegment(number)
      throw error
    }
    if let current = state.current {
      state.unsynced.append(current.file)
      state.ended.append((current.number, current.file, state.offset))
    }
    state.current = (number, file, Self.checksumSeed(storeID: storeID, segment: number))
    state.offset = UInt64(Self.headerLength)
    state.isAllocatedOnly = !isSpare
    state.firstSequences.append((number, first))
  }

  /// Makes every operation appended so far, and the staged bytes that they name, durable. Threads
  /// that come while a sync is under way share the next one.
  ///
  /// After it failed once it always does: what was written before is safe only as far as a sync returned.
  public func sync() throws(JournalError) { try sync(upTo: lastSequence) }

  public func sync(upTo wanted: LogSequenceNumber) throws(JournalError) {
    let isLeader = syncGate.wait { gate -> Bool? in
      if gate.durable >= wanted || gate.failure != nil { return false }
      if gate.isSyncing { return nil }
      gate.isSyncing = true
      return true
    }
    guard isLeader == true else {
      let (durable, failure) = syncGate.withLock { ($0.durable, $0.failure) }
      if let failure, durable < wanted { throw failure }
      return
    }
    var reached: LogSequenceNumber = 0
    defer {
      syncGate.withLock { gate in
        gate.isSyncing = false
        gate.durable = max(gate.durable, reached)
      }
      syncGate.wakeAll()
    }
    // Only a file that was written to since the last sync is in the list; the current one always is.
    let (files, last, rolled) = state.withLock { state in
      (state.unsynced + (state.current.map { [$0.file] } ?? []), state.last, state.unsynced.count)
    }
    do {
      try segments.syncStaging()
      for file in files { try file.sync() }
    } catch {
      let failure = JournalError(error)
      syncGate.withLock { $0.failure = failure }
      throw failure
    }
    state.withLock { $0.unsynced.removeFirst(rolled) }
    reached = last
  }

  /// Whether what is appended goes to blocks that nobody has written yet.
  public var isAllocatedOnly: Bool { state.withLock { $0.current != nil && $0.isAllocatedOnly } }

  /// Ends the current segment if it is long enough to be worth it, so that it can be removed once
  /// what it holds is in the catalog.
  public func roll() throws(JournalError) {
    do {
      try state.withLock { state throws(SystemError) in
        let isWorthIt = state.offset > segmentLength / 4 || (state.isAllocatedOnly && segments.hasSpare)
        if state.current != nil && isWorthIt { try begin(&state, first: state.last + 1) }
      }
    } catch {
      throw JournalError(error)
    }
  }

  /// Gives back the space that is held for operations to come, of which there must be none after it. What was
  /// appended is to be synced before.
  public func close() throws(JournalError) {
    do {
      try state.withLock { state throws(SystemError) in
        if let current = state.current { state.ended.append((current.number, current.file, state.offset)) }
        for segment in state.ended { try segment.file.truncate(to: segment.length) }
        state.current = nil
        state.ended = []
      }
      try segments.removeSpares()
    } catch {
      throw JournalError(error)
    }
  }

  /// Removes what is in the catalog: segments whose operations are all at or before `sequence`. The
  /// last such segment stays, for the kernel may yet send again requests that it answers.
  public func remove(upTo sequence: LogSequenceNumber) throws(JournalError) {
    let dead = state.withLock { state in
      var dead: [UInt64] = []
      while state.firstSequences.count > 2 && state.firstSequences[2].first <= sequence + 1 {
        dead.append(state.firstSequences.removeFirst().segment)
      }
      state.ended.removeAll { dead.contains($0.segment) }
      return dead
    }
    do {
      for segment in dead { try segments.removeJournalSegment(segment) }
      try segments.removeStaging(upTo: sequence)
    } catch {
      throw JournalError(error)
    }
  }
}
