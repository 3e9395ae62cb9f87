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

  /// Decodes the first `content.count` of the `length` bytes that `payload` stands for, all of them most
  /// often. The payload may be hostile. False unless it yields exactly so many; then `content` may hold
  /// anything.
  public static func decode(
    _ payload: UnsafeRawBufferPointer, _ codec: Codec, length: Int, into content: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard content.count <= length else { return false }
    switch codec {
    case .raw:
      guard payload.count == length else { return false }
      content.copyMemory(from: UnsafeRawBufferPointer(rebasing: payload[..<content.count]))
      return true
    case .lz4:
      guard let source = payload.baseAddress?.assumingMemoryBound(to: CChar.self),
        let target = content.baseAddress?.assumingMemoryBound(to: CChar.self),
        let sourceLength = Int32(exactly: payload.count), let wanted = Int32(exactly: content.count)
      else { return false }
      // Only the whole can prove that the payload has nothing more to it.
      let decoded =
        content.count == length
        ? LZ4_decompress_safe(source, target, sourceLength, wanted)
        : LZ4_decompress_safe_partial(source, target, sourceLength, wanted, wanted)
      return decoded == wanted
    }
  }
}
