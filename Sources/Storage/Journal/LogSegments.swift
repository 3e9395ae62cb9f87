import Linux
import Synchronization

/// The files that hold bytes not chunked yet: the journal's segments, which carry small writes in
/// their records, and staging segments for large ones. Both are numbered by one counter, so a number
/// names a place whatever kind it is in. Thread-safe.
public final class LogSegments: Sendable {
  /// Bytes after which a new staging segment is begun.
  static let stagingSegmentLength: UInt64 = 64 << 20

  private let disk: any Disk
  private let state: Mutex<State>

  private struct State {
    var segments: [UInt64: Segment] = [:]
    var next: UInt64
    var staging: UInt64?
  }

  private struct Segment {
    let file: any DiskFile
    let path: String
    var length: UInt64 = 0
    /// The last operation that put bytes there.
    var lastSequence: UInt64 = 0
    /// Bytes written whose operation is not in the journal yet.
    var writersUnderWay = 0
    var needsSync = false
    var isStaging: Bool
  }

  /// A place in a staging segment that bytes were written to, until the operation that names it is
  /// in the journal; ``commit(_:sequence:)`` or ``abandon(_:)`` ends that.
  public struct Reservation: Sendable {
    public let location: StagedLocation
    public let checksum: UInt32
  }

  init(disk: any Disk) throws(SystemError) {
    self.disk = disk
    try disk.makeDirectory("journal")
    try disk.makeDirectory("staging")
    var state = State(next: 1)
    for name in try disk.list("staging") {
      guard let number = Self.number(of: name, suffix: ".staging") else { continue }
      let path = "staging/" + name
      let file = try disk.open(path, create: false)
      state.segments[number] = Segment(file: file, path: path, length: try file.length(), isStaging: true)
      state.next = max(state.next, number + 1)
    }
    self.state = Mutex(state)
  }

  static func name(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  static func number(of name: String, suffix: String) -> UInt64? {
    guard name.hasSuffix(suffix), name.utf8.count == 16 + suffix.utf8.count else { return nil }
    return UInt64(name.prefix(16), radix: 16)
  }

  /// Makes known a journal segment that was found on disk.
  func register(_ number: UInt64, file: any DiskFile, path: String) {
    state.withLock {
      $0.segments[number] = Segment(file: file, path: path, isStaging: false)
      $0.next = max($0.next, number + 1)
    }
  }

  /// Makes a new, empty segment of the journal.
  func createJournalSegment() throws(SystemError) -> (number: UInt64, file: any DiskFile) {
    let number = state.withLock { state in
      defer { state.next += 1 }
      return state.next
    }
    let path = "journal/" + Self.name(number) + ".journal"
    let file = try disk.open(path, create: true)
    try disk.syncDirectory("journal")
    register(number, file: file, path: path)
    return (number, file)
  }

  /// The file of a segment, to read staged bytes from. It stays readable for the holder when the
  /// segment is removed.
  public func file(_ number: UInt64) -> (any DiskFile)? {
    state.withLock { $0.segments[number]?.file }
  }

  /// Writes bytes to a staging segment. They are not part of any file until an operation names them.
  public func stage(_ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Reservation {
    let place = try reserve(UInt64(bytes.count))
    do {
      try place.file.write(bytes, at: place.location.offset)
    } catch {
      abandon(place.location)
      throw error
    }
    return Reservation(location: place.location, checksum: crc32c(bytes))
  }

  private func reserve(_ count: UInt64) throws(SystemError) -> (location: StagedLocation, file: any DiskFile) {
    try state.withLock { state throws(SystemError) in
      if let number = state.staging, let segment = state.segments[number],
        segment.length + count <= Self.stagingSegmentLength
      {
        state.segments[number]?.length += count
        state.segments[number]?.writersUnderWay += 1
        state.segments[number]?.needsSync = true
        return (StagedLocation(segment: number, offset: segment.length), segment.file)
      }
      let number = state.next
      let path = "staging/" + Self.name(number) + ".staging"
      let file = try disk.open(path, create: true)
      try disk.syncDirectory("staging")
      state.next += 1
      state.staging = number
      var segment = Segment(file: file, path: path, isStaging: true)
      segment.length = count
      segment.writersUnderWay = 1
      segment.needsSync = true
      state.segments[number] = segment
      return (StagedLocation(segment: number, offset: 0), file)
    }
  }

  /// The operation `sequence`, which names the place, is in the journal.
  public func commit(_ location: StagedLocation, sequence: UInt64) {
    state.withLock { state in
      state.segments[location.segment]?.writersUnderWay -= 1
      state.segments[location.segment]?.lastSequence = sequence
    }
  }

  /// No operation will name the place.
  public func abandon(_ location: StagedLocation) {
    state.withLock { $0.segments[location.segment]?.writersUnderWay -= 1 }
  }

  /// Makes the bytes of every ``stage(_:)`` that has returned durable.
  func syncStaging() throws(SystemError) {
    let dirty = state.withLock { state in
      var files: [(UInt64, any DiskFile)] = []
      for (number, segment) in state.segments where segment.needsSync {
        files.append((number, segment.file))
        state.segments[number]?.needsSync = false
      }
      return files
    }
    for (index, (_, file)) in dirty.enumerated() {
      do {
        try file.sync()
      } catch {
        state.withLock { state in
          for (number, _) in dirty[index...] { state.segments[number]?.needsSync = true }
        }
        throw error
      }
    }
  }

  /// Removes staging segments that hold nothing of operations after `sequence`.
  public func removeStaging(upTo sequence: UInt64) throws(SystemError) {
    let dead = state.withLock { state in
      var dead: [String] = []
      for (number, segment) in state.segments
      where segment.isStaging && segment.writersUnderWay == 0 && segment.lastSequence <= sequence
        && !(number == state.staging && segment.length < Self.stagingSegmentLength / 4)
      {
        dead.append(segment.path)
        state.segments[number] = nil
        if state.staging == number { state.staging = nil }
      }
      return dead
    }
    for path in dead { try disk.remove(path) }
  }

  /// Removes a segment of the journal.
  func removeJournalSegment(_ number: UInt64) throws(SystemError) {
    let path = state.withLock { state in
      defer { state.segments[number] = nil }
      return state.segments[number]?.path
    }
    if let path { try disk.remove(path) }
  }

  /// Notes, while the journal is replayed, that an operation names a place.
  func noteReplayed(_ location: StagedLocation, sequence: UInt64) {
    state.withLock { $0.segments[location.segment]?.lastSequence = sequence }
  }

  /// Bytes in staging segments.
  public var stagedBytes: UInt64 {
    state.withLock { $0.segments.values.reduce(0) { $0 + ($1.isStaging ? $1.length : 0) } }
  }
}
