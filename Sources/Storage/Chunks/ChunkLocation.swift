/// The number of a chunk in the catalog, and in its record; never used twice in a store.
public typealias ChunkID = UInt64

/// How a chunk's bytes are encoded in a pack. The raw values are part of the pack format.
public enum Codec: UInt8, Sendable {
  case raw = 0
  case lz4 = 1
}

/// Where a chunk lies.
public struct ChunkLocation: Equatable, Sendable {
  /// The pack's number; never used twice in a store.
  public var pack: UInt64
  /// Where the chunk's record begins in the pack.
  public var offset: UInt64
  /// Bytes of the encoded payload.
  public var storedLength: UInt32
  /// Bytes of the content; at least 1.
  public var length: UInt32
  public var codec: Codec

  public init(pack: UInt64, offset: UInt64, storedLength: UInt32, length: UInt32, codec: Codec) {
    self.pack = pack
    self.offset = offset
    self.storedLength = storedLength
    self.length = length
    self.codec = codec
  }
}
