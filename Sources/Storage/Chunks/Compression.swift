import CLZ4

/// How content becomes a payload and a payload content. Works on memory only; thread-safe.
public enum Compression {
  /// Encodes `content` into `payload`, which must have room for as many bytes, and says how and how
  /// long it is. LZ4 where that saves at least 4 %; less is not worth decompressing at each read.
  public static func encode(
    _ content: UnsafeRawBufferPointer, into payload: UnsafeMutableRawBufferPointer
  ) -> (codec: Codec, length: Int) {
    precondition(payload.count >= content.count && content.count <= ChunkParameters.largestMaximum)
    // LZ4 gives up by itself as soon as it passes the capacity.
    let worthwhile = content.count - (content.count + 24) / 25
    if worthwhile > 0, let source = content.baseAddress, let target = payload.baseAddress {
      let length = LZ4_compress_default(
        source.assumingMemoryBound(to: CChar.self), target.assumingMemoryBound(to: CChar.self), Int32(content.count),
        Int32(worthwhile))
      if length > 0 { return (.lz4, Int(length)) }
    }
    payload.copyMemory(from: content)
    return (.raw, content.count)
  }

  /// Decodes `payload`, which may be hostile, into `content`. False unless it yields exactly as many
  /// bytes as `content` has; then `content` may hold anything.
  public static func decode(
    _ payload: UnsafeRawBufferPointer, _ codec: Codec, into content: UnsafeMutableRawBufferPointer
  ) -> Bool {
    switch codec {
    case .raw:
      guard payload.count == content.count else { return false }
      content.copyMemory(from: payload)
      return true
    case .lz4:
      guard let source = payload.baseAddress, let target = content.baseAddress,
        let sourceLength = Int32(exactly: payload.count), let length = Int32(exactly: content.count)
      else { return false }
      return LZ4_decompress_safe(
        source.assumingMemoryBound(to: CChar.self), target.assumingMemoryBound(to: CChar.self), sourceLength, length)
        == length
    }
  }
}
