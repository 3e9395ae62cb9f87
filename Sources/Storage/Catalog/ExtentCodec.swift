import Chunks

/// A map of extents that can't be encoded, or bytes that are none.
public struct ExtentCodecError: Error, Equatable, CustomStringConvertible, Sendable {
  /// What is wrong with it.
  public let description: String

  init(_ description: String) { self.description = description }
}

/// How a page of a file's extent map is written in the catalog.
///
/// The first byte is the version, 1. Then the extents follow in the order of their offsets, to the
/// end of the bytes. Numbers are LEB128: seven bits a byte, lowest first, in the fewest bytes.
///
///     head     distance from the end of the extent before (at first: of the page's start), times 8, plus kind
///     length   bytes of the file
///     kind 0   the chunk whose number follows that of the chunk before, from its start: nothing more
///     kind 1   a chunk from its start: the difference to the number of the chunk before (at first: 0), in zigzag
///     kind 2   a chunk from elsewhere: the same difference, and the offset in the chunk
///     kind 3   inline: the bytes themselves
///     kind 4   space that reads as zeros: nothing more
///
/// Chunks written one after the other have numbers that follow each other, so most of a large file
/// takes four bytes an extent. Every map has exactly one encoding; any other is refused as damage.
public enum ExtentCodec {
  static let version: UInt8 = 1
  /// Pages of a file that `off_t` can reach into.
  static let pageLimit: UInt64 = (1 << 63) / ExtentPage.span

  /// Encodes the extents of page `page` of a file. Offsets are absolute in the file.
  ///
  /// Throws when the extents are out of order, overlap, leave the page, are empty, or are staged.
  public static func encode(_ extents: [Extent], page: UInt64) throws(ExtentCodecError) -> [UInt8] {
    guard page < pageLimit else { throw ExtentCodecError("page \(page) is past the end of any file") }
    var bytes: [UInt8] = [version]
    bytes.reserveCapacity(1 + 6 * extents.count)
    let pageStart = page * ExtentPage.span
    let pageEnd = pageStart + ExtentPage.span
    var end = pageStart
    var lastChunk: ChunkID = 0
    for extent in extents {
      guard extent.offset >= end else {
        throw ExtentCodecError("the extent at \(extent.offset) begins before \(end)")
      }
      guard extent.length >= 1, extent.offset < pageEnd, extent.length <= pageEnd - extent.offset else {
        throw ExtentCodecError(
          "the extent at \(extent.offset), \(extent.length) bytes, is empty or leaves page \(page)")
      }
      let distance = (extent.offset - end) << 3
      switch extent.content {
      case .chunk(let chunk, let offset):
        guard UInt64(offset) + extent.length <= 1 << 32 else {
          throw ExtentCodecError("the extent at \(extent.offset) reaches past 4 GiB of chunk \(chunk)")
        }
        let kind = Kind(chunk, after: lastChunk, offset: offset)
        append(distance | kind.rawValue, to: &bytes)
        append(extent.length, to: &bytes)
        if kind != .nextChunk { append(zigzag(chunk &- lastChunk), to: &bytes) }
        if kind == .partOfChunk { append(UInt64(offset), to: &bytes) }
        lastChunk = chunk
      case .inline(let content):
        guard UInt64(content.count) == extent.length else {
          throw ExtentCodecError(
            "the extent at \(extent.offset) says \(extent.length) bytes and holds \(content.count)")
        }
        append(distance | Kind.inline.rawValue, to: &bytes)
        append(extent.length, to: &bytes)
        bytes += content
      case .zeros:
        append(distance | Kind.zeros.rawValue, to: &bytes)
        append(extent.length, to: &bytes)
      case .staged(let segment, _):
        throw ExtentCodecError("the extent at \(extent.offset) is in log segment \(segment), which does not last")
      }
      end = extent.end
    }
    return bytes
  }

  /// The extents of page `page` of a file, with absolute offsets.
  public static func decode(_ bytes: UnsafeRawBufferPointer, page: UInt64) throws(ExtentCodecError) -> [Extent] {
    var reader = try ExtentReader(bytes, page: page)
    var extents: [Extent] = []
    while let piece = try reader.next() {
      let content: Extent.Content =
        switch piece.content {
        case .chunk(let chunk, let offset): .chunk(chunk, offset: offset)
        case .inline(let range): .inline([UInt8](bytes[range]))
        case .zeros: .zeros
        }
      extents.append(Extent(offset: piece.offset, length: piece.length, content: content))
    }
    return extents
  }

  /// Calls `body` with each chunk that an encoded page refers to, as often as it does.
  static func forEachChunk(
    in bytes: UnsafeRawBufferPointer, page: UInt64, _ body: (ChunkID) -> Void
  ) throws(ExtentCodecError) {
    var reader = try ExtentReader(bytes, page: page)
    while let piece = try reader.next() {
      if case .chunk(let chunk, _) = piece.content { body(chunk) }
    }
  }

  fileprivate enum Kind: UInt64 {
    case nextChunk = 0
    case chunk = 1
    case partOfChunk = 2
    case inline = 3
    case zeros = 4

    /// The shortest for a chunk.
    init(_ chunk: ChunkID, after lastChunk: ChunkID, offset: UInt32) {
      self = offset != 0 ? .partOfChunk : chunk == lastChunk &+ 1 ? .nextChunk : .chunk
    }
  }

  private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func zigzag(_ difference: UInt64) -> UInt64 {
    difference << 1 ^ UInt64(bitPattern: Int64(bitPattern: difference) >> 63)
  }
}

/// Reads an encoded page piece by piece. The bytes are hostile: every number is checked before use.
private struct ExtentReader {
  struct Piece {
    enum Content {
      case chunk(ChunkID, offset: UInt32)
      /// Where the content lies in the encoded bytes.
      case inline(Range<Int>)
      case zeros
    }

    let offset: UInt64
    let length: UInt64
    let content: Content
  }

  private let bytes: UnsafeRawBufferPointer
  private var position = 1
  private var end: UInt64
  private let pageEnd: UInt64
  private var lastChunk: ChunkID = 0

  init(_ bytes: UnsafeRawBufferPointer, page: UInt64) throws(ExtentCodecError) {
    guard page < ExtentCodec.pageLimit else { throw ExtentCodecError("page \(page) is past the end of any file") }
    guard let version = bytes.first else { throw ExtentCodecError("the version is missing") }
    guard version == ExtentCodec.version else { throw ExtentCodecError("version \(version) is unknown") }
    self.bytes = bytes
    end = page * ExtentPage.span
    pageEnd = end + ExtentPage.span
  }

  mutating func next() throws(ExtentCodecError) -> Piece? {
    guard position < bytes.count else { return nil }
    let head = try number()
    let length = try number()
    // Before the additions, so that none overflows.
    guard head >> 3 < pageEnd - end else { throw ExtentCodecError("an extent begins past its page") }
    let offset = end + head >> 3
    guard length >= 1, length <= pageEnd - offset else {
      throw ExtentCodecError("the extent at \(offset) is empty or leaves its page")
    }
    let content: Piece.Content
    switch ExtentCodec.Kind(rawValue: head & 7) {
    case .nextChunk:
      content = try chunk(lastChunk &+ 1, .nextChunk, 0, length)
    case .chunk:
      content = try chunk(lastChunk &+ difference(), .chunk, 0, length)
    case .partOfChunk:
      let number = try lastChunk &+ difference()
      content = try chunk(number, .partOfChunk, self.number(), length)
    case .zeros:
      content = .zeros
    case nil:
      throw ExtentCodecError("an extent is of kind \(head & 7), which is unknown")
    case .inline:
      guard length <= UInt64(bytes.count - position) else {
        throw ExtentCodecError("\(length) inline bytes are said to follow where \(bytes.count - position) do")
      }
      content = .inline(position..<position + Int(length))
      position += Int(length)
    }
    end = offset + length
    return Piece(offset: offset, length: length, content: content)
  }

  private mutating func chunk(
    _ chunk: ChunkID, _ kind: ExtentCodec.Kind, _ offset: UInt64, _ length: UInt64
  ) throws(ExtentCodecError) -> Piece.Content {
    guard offset <= UInt64(UInt32.max), offset + length <= 1 << 32 else {
      throw ExtentCodecError("an extent reaches past 4 GiB of chunk \(chunk)")
    }
    let offset = UInt32(offset)
    guard kind == ExtentCodec.Kind(chunk, after: lastChunk, offset: offset) else {
      throw ExtentCodecError("the reference to chunk \(chunk) is not in its shortest form")
    }
    lastChunk = chunk
    return .chunk(chunk, offset: offset)
  }

  private mutating func difference() throws(ExtentCodecError) -> UInt64 {
    let value = try number()
    return value >> 1 ^ (0 &- (value & 1))
  }

  private mutating func number() throws(ExtentCodecError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      // The tenth byte has room for one bit.
      guard shift < 63 || byte <= 1 else { throw ExtentCodecError("a number is larger than 64 bits") }
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 {
        guard byte != 0 || shift == 0 else { throw ExtentCodecError("a number has more bytes than it needs") }
        return value
      }
      shift += 7
    }
    throw ExtentCodecError("the bytes end within a number")
  }
}
