import Catalog
import Chunks
import Glibc
import Journal
import Linux

/// Turns the staged bytes of a file into chunks.
///
/// What is cut anew is each run of staged bytes, with the chunk that ends where it begins and what is
/// left of a chunk that it cut in two. So a file that grows is cut as if it had been written at once,
/// whenever the checkpoints came, and a file that is overwritten here and there does not fall into
/// ever smaller pieces.
struct ContentChunking {
  /// A file up to this length is kept in the catalog itself: reading it costs one look-up. Longer ones would
  /// be stored once for each copy, uncompressed, and above a kilobyte with a page of SQLite's for each: ten
  /// versions of a source tree took 517 MiB of catalog when this was 4096.
  static let longestInlineFile: UInt64 = 512

  let chunkStore: ChunkStore
  let segments: LogSegments
  let chunker: Chunker

  init(chunkStore: ChunkStore, segments: LogSegments) {
    self.chunkStore = chunkStore
    self.segments = segments
    chunker = Chunker(chunkStore.parameters)
  }

  static func isNeeded(_ pages: [[Extent]]) -> Bool {
    pages.contains { $0.contains { if case .staged = $0.content { true } else { false } } }
  }

  /// Returns the pages with chunks, inline bytes and zeros in the place of staged bytes.
  func run(
    _ pages: [(number: UInt64, extents: [Extent])], fileSize: UInt64
  ) throws -> [(number: UInt64, extents: [Extent])] {
    do {
      return try run(pages, fileSize: fileSize, withNeighbours: true)
    } catch let error as ChunkError where error.isDamage {
    } catch let error as CatalogError where error.code == .damaged {
    }
    // A chunk next to what was written can't be read: it stays as it is, and what was written is kept.
    return try run(pages, fileSize: fileSize, withNeighbours: false)
  }

  private func run(
    _ pages: [(number: UInt64, extents: [Extent])], fileSize: UInt64, withNeighbours: Bool
  ) throws -> [(number: UInt64, extents: [Extent])] {
    var list = pages.flatMap(\.extents)
    for region in regions(list, withNeighbours: withNeighbours) {
      let content = ExtentMap.extents(list, in: region)
      let new =
        fileSize <= Self.longestInlineFile
        ? [try inlineExtent(content, region)] : try chunkExtents(content, region)
      ExtentMap.replace(&list, region, with: new)
    }
    var split: [UInt64: [Extent]] = [:]
    for (number, extents) in ExtentMap.splitAtPages(list) { split[number] = extents }
    return pages.map { ($0.number, split[$0.number] ?? []) }
  }

  /// The ranges to cut anew: disjoint, in order, each without holes.
  private func regions(_ list: [Extent], withNeighbours: Bool) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    var index = 0
    while index < list.count {
      guard case .staged = list[index].content else {
        index += 1
        continue
      }
      var start = list[index].offset
      var end = list[index].end
      if withNeighbours, index > 0, list[index - 1].end == start, Self.isChunked(list[index - 1]) {
        start = list[index - 1].offset
      }
      index += 1
      while index < list.count, list[index].offset == end, case .staged = list[index].content {
        end = list[index].end
        index += 1
      }
      if withNeighbours, index < list.count, list[index].offset == end,
        case .chunk(_, let offset) = list[index].content, offset > 0
      {
        end = list[index].end
      }
      if let last = result.last, last.upperBound >= start {
        result[result.count - 1] = last.lowerBound..<max(end, last.upperBound)
      } else {
        result.append(start..<end)
      }
    }
    return result
  }

  private static func isChunked(_ extent: Extent) -> Bool {
    switch extent.content {
    case .chunk, .inline: true
    case .staged, .zeros: false
    }
  }

  private func inlineExtent(_ content: [Extent], _ region: Range<UInt64>) throws -> Extent {
    var bytes = [UInt8](repeating: 0, count: region.count)
    try bytes.withUnsafeMutableBytes { try fill($0, from: content, at: region.lowerBound) }
    return Extent(offset: region.lowerBound, length: UInt64(region.count), content: .inline(bytes))
  }

  private func chunkExtents(_ content: [Extent], _ region: Range<UInt64>) throws -> [Extent] {
    let isLarge = region.count >= Self.windowOfLargeFile
    let window = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(4 * chunker.parameters.maximum, isLarge ? Self.windowOfLargeFile : 0), alignment: 16)
    defer { window.deallocate() }
    var result: [Extent] = []
    var filled = 0
    var position = region.lowerBound
    while position < region.upperBound {
      let wanted = min(window.count, Int(region.upperBound - position))
      if filled < wanted {
        let part = UnsafeMutableRawBufferPointer(rebasing: window[filled..<wanted])
        let start = position + UInt64(filled)
        let end = position + UInt64(wanted)
        try fill(part, from: ExtentMap.extents(content, in: start..<end), at: start)
        filled = wanted
      }
      let isLast = position + UInt64(filled) == region.upperBound
      let pieces = cut(UnsafeRawBufferPointer(rebasing: window[..<filled]), isLast: isLast)
      let contents =
        isLarge
        ? try inParallel(pieces.count) { try store(UnsafeRawBufferPointer(rebasing: window[pieces[$0]])) }
        : try pieces.map { try store(UnsafeRawBufferPointer(rebasing: window[$0])) }
      for (piece, content) in zip(pieces, contents) {
        let offset = position + UInt64(piece.lowerBound)
        ExtentMap.append(Extent(offset: offset, length: UInt64(piece.count), content: content), to: &result)
      }
      let used = pieces.last?.upperBound ?? 0
      memmove(window.baseAddress!, window.baseAddress! + used, filled - used)
      filled -= used
      position += UInt64(used)
    }
    return result
  }

  /// Cutting is a third of the work, and one cut after the other; what comes then is shared by all processors, for
  /// so much at a time. 152 MiB took 0.45 s on one of two, and 0.37 s on both.
  private static let windowOfLargeFile = 8 << 20

  /// Cuts as long as the bytes hold a longest chunk, or all that is left.
  private func cut(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> [Range<Int>] {
    var pieces: [Range<Int>] = []
    var used = 0
    while used < bytes.count, isLast || bytes.count - used >= chunker.parameters.maximum {
      let length = chunker.cut(UnsafeRawBufferPointer(rebasing: bytes[used...]))
      pieces.append(used..<used + length)
      used += length
    }
    return pieces
  }

  private func store(_ bytes: UnsafeRawBufferPointer) throws -> Extent.Content {
    if Self.isZero(bytes) { return .zeros }
    return .chunk(try chunkStore.store(bytes).id, offset: 0)
  }

  /// Compares with itself one byte on: memcmp is as fast as the memory.
  static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress, bytes[0] == 0 else { return bytes.isEmpty }
    return memcmp(base, base + 1, bytes.count - 1) == 0
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer, from content: [Extent], at start: UInt64) throws {
    for extent in content {
      let begin = Int(extent.offset - start)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[begin..<begin + Int(extent.length)])
      switch extent.content {
      case .zeros: memset(part.baseAddress!, 0, part.count)
      case .inline(let bytes): part.copyBytes(from: bytes)
      case .chunk(let id, let offset): try chunkStore.read(id, offset: Int(offset), into: part)
      case .staged(let segment, let offset):
        guard let file = segments.file(segment), try file.read(into: part, at: offset) == part.count else {
          throw SystemError("pread", "log segment \(segment)", EIO)
        }
      }
    }
  }
}
