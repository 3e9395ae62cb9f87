import StorageAPI
import Wire

/// Cuts the body of `POST /v1/ingest/chunks` into the chunks that it carries.
struct ChunkFrameParser {
  private var header: [UInt8] = []
  private var content: [UInt8] = []
  /// Bytes of the chunk that is coming; nil: its header is not complete.
  private var length: Int?
  /// Chunks that are complete, in their order.
  private(set) var chunks: [[UInt8]] = []
  private(set) var pendingBytes = 0
  /// Chunks that were complete, those that were taken among them.
  private(set) var count = 0

  mutating func feed(_ bytes: [UInt8]) throws(APIError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let length else {
        let part = rest.prefix(4 - header.count)
        header += part
        rest = rest.dropFirst(part.count)
        if header.count == 4 { try begin() }
        continue
      }
      let part = rest.prefix(length - content.count)
      content += part
      rest = rest.dropFirst(part.count)
      if content.count == length { complete() }
    }
  }

  private mutating func begin() throws(APIError) {
    let length = header.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard (1...ChunkFrame.maximumLength).contains(length) else {
      throw .invalid(
        "Frame \(count) says that its chunk has \(length) bytes; a chunk has 1 to \(ChunkFrame.maximumLength).",
        subject: "frame \(count)")
    }
    header = []
    self.length = length
    content.reserveCapacity(length)
  }

  private mutating func complete() {
    chunks.append(content)
    pendingBytes += content.count
    count += 1
    content = []
    length = nil
  }

  /// Hands the complete chunks over.
  mutating func take() -> [[UInt8]] {
    defer {
      chunks = []
      pendingBytes = 0
    }
    return chunks
  }

  /// To be called at the end of the body.
  func finish() throws(APIError) {
    guard length == nil, header.isEmpty else {
      throw .invalid("The body ends within frame \(count).", subject: "frame \(count)")
    }
  }
}
