import Chunks
import Glibc
import Linux

/// What a store of Cairn's kind can't do without for a workload, done by this program in the directory below: the bytes to a
/// log that was written before, a checksum over them, and the sync; or the records of compressed chunks read, their
/// checksums computed, and decompressed. Without a mount, a catalog, names, or anybody else at the same time.
///
/// The null file system has no disk. What it takes and this together are the floor of what Cairn can reach.
struct StoreWork {
  enum Course {
    /// The program waits for the transport and then for the store.
    case afterTransport
    /// The kernel reads ahead: while the program takes one piece, the store brings the next. At best the slower of the
    /// two is all that is waited for, as if each had processors of its own.
    case besideTransport
  }

  let course: Course
  let caches: Workload.Caches
  let body: (StoreFiles, _ round: Int) -> Double

  /// The rate of both together.
  func rate(transport: Double, store: Double) -> Double {
    switch course {
    case .afterTransport: 1 / (1 / transport + 1 / store)
    case .besideTransport: min(transport, store)
    }
  }

  /// Appends pieces of `bytes` to the log.
  static func append(_ count: Int, of bytes: Int, syncEach: Bool = false, syncLast: Bool = false) -> Self {
    // Warm: what is left of a page that is written in part would be read first.
    Self(course: .afterTransport, caches: .warm) { files, round in
      var content = Content(count: bytes, stream: UInt64(5_000 + round))
      defer { content.free() }
      let descriptor = openFile(files.log, O_WRONLY)
      defer { closeFile(descriptor) }
      var offset = 0
      for _ in 0..<count {
        let piece = content.advance()
        checksum(piece)
        writeAt(descriptor, piece, offset)
        if syncEach { syncData(descriptor) }
        // A record is longer than what it holds.
        offset += bytes + 64
        if offset + bytes > files.logBytes { offset = 0 }
      }
      if syncLast { syncData(descriptor) }
      return Double(count)
    }
  }

  /// Reads records of `kind` one after the other, and decompresses each.
  static func readInOrder(_ kind: StoreFiles.Kind, course: Course, counting amount: @escaping (Int) -> Double) -> Self {
    Self(course: course, caches: .cold) { files, _ in
      files.read(kind, 0..<files.records(kind).count, wanted: kind.contentBytes)
      return amount(files.records(kind).count)
    }
  }

  /// Reads `count` records at random, and decompresses half of each: as much as comes before what is wanted, on average.
  static func readAtRandom(_ kind: StoreFiles.Kind, _ count: Int) -> Self {
    Self(course: .afterTransport, caches: .cold) { files, round in
      var generator = SplitMix64(state: UInt64(round))
      let all = files.records(kind).indices
      let order = (0..<count).map { _ in Int.random(in: all, using: &generator) }
      files.read(kind, order, wanted: kind.contentBytes / 2)
      return Double(count)
    }
  }
}

/// The files that ``StoreWork`` is done on.
final class StoreFiles {
  enum Kind: String {
    /// Chunks of a large file.
    case chunks
    /// Small files, each of which is one chunk.
    case small

    var contentBytes: Int {
      switch self {
      case .chunks: 64 << 10
      case .small: smallFileBytes
      }
    }
  }

  private struct Pack {
    var path: String
    var records: [Range<Int>] = []
  }

  let log: String
  let logBytes: Int
  private let packs: [Kind: Pack]

  /// Writes all of them.
  /// - Parameter directory: is made.
  init(in directory: String, _ scale: Scale) {
    makeDirectory(directory)
    log = directory + "/log"
    logBytes = (scale.largeMebibytes + 1) << 20
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    let descriptor = openFile(log, O_WRONLY | O_CREAT | O_EXCL)
    for _ in 0..<logBytes >> 20 { writeAll(descriptor, UnsafeRawBufferPointer(buffer)) }
    syncFile(descriptor)
    closeFile(descriptor)
    packs = [
      .chunks: Self.makePack(directory, .chunks, (scale.largeMebibytes << 20) / Kind.chunks.contentBytes),
      .small: Self.makePack(directory, .small, scale.files),
    ]
  }

  private static func makePack(_ directory: String, _ kind: Kind, _ count: Int) -> Pack {
    var pack = Pack(path: "\(directory)/\(kind.rawValue)")
    var content = Content(count: kind.contentBytes, stream: 6_000)
    defer { content.free() }
    let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: kind.contentBytes, alignment: 16)
    defer { payload.deallocate() }
    let descriptor = openFile(pack.path, O_WRONLY | O_CREAT | O_EXCL)
    var end = 0
    for _ in 0..<count {
      let (codec, length) = Compression.encode(content.advance(), into: payload)
      guard codec == .lz4 else { fail(expecting: "content that compresses") }
      writeAll(descriptor, UnsafeRawBufferPointer(rebasing: payload[..<length]))
      pack.records.append(end..<end + length)
      end += length
    }
    syncFile(descriptor)
    closeFile(descriptor)
    return pack
  }

  func records(_ kind: Kind) -> [Range<Int>] { packs[kind]!.records }

  /// Reads records and decompresses the first `wanted` bytes of each.
  func read(_ kind: Kind, _ order: some Sequence<Int>, wanted: Int) {
    let pack = packs[kind]!
    let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: kind.contentBytes, alignment: 4096)
    let content = UnsafeMutableRawBufferPointer.allocate(byteCount: wanted, alignment: 4096)
    defer {
      payload.deallocate()
      content.deallocate()
    }
    let descriptor = openFile(pack.path, O_RDONLY)
    for index in order {
      let record = pack.records[index]
      let part = UnsafeMutableRawBufferPointer(rebasing: payload[..<record.count])
      guard pread(descriptor, part.baseAddress, part.count, record.lowerBound) == part.count else { fail("pread") }
      checksum(UnsafeRawBufferPointer(part))
      guard Compression.decode(UnsafeRawBufferPointer(part), .lz4, length: kind.contentBytes, into: content) else {
        fail(expecting: "a record that decompresses")
      }
    }
    closeFile(descriptor)
  }
}

private func syncData(_ descriptor: Int32) {
  guard fdatasync(descriptor) == 0 else { fail("fdatasync") }
}

/// Where the compiler can't see that nobody wants the sum.
@inline(never) private func checksum(_ bytes: UnsafeRawBufferPointer) { withExtendedLifetime(crc32c(bytes)) {} }
