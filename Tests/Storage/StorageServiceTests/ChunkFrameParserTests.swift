import Chunks
import StorageAPI
import Testing
import Wire

@testable import StorageService

@Suite struct ChunkFrameParserTests {
  private func frame(_ content: [UInt8]) -> [UInt8] { ChunkFrame.header(length: content.count) + content }

  @Test func aFrameHoldsTheLargestChunkThatTheStoreCuts() {
    #expect(ChunkFrame.maximumLength == ChunkParameters.standard.maximum)
    #expect(ChunkFrame.header(length: 0x0403_0201) == [1, 2, 3, 4])
  }

  @Test(arguments: [1, 2, 3, 4, 5, 7, 100, 1 << 20])
  func framesAreFoundHoweverTheBytesAreSplit(pieceSize: Int) throws {
    let chunks: [[UInt8]] = [
      [1], [UInt8](repeating: 2, count: ChunkFrame.maximumLength / 64), [0, 0, 0, 0], [UInt8](0...255),
    ]
    let bytes = chunks.flatMap(frame)
    var parser = ChunkFrameParser()
    for start in stride(from: 0, to: bytes.count, by: pieceSize) {
      try parser.feed([UInt8](bytes[start..<min(start + pieceSize, bytes.count)]))
    }
    try parser.finish()
    #expect(parser.pendingBytes == chunks.reduce(0) { $0 + $1.count })
    #expect(parser.take() == chunks)
    #expect(parser.take() == [] && parser.pendingBytes == 0)
  }

  @Test func garbageIsRefusedWithTheFrameThatItIsIn() throws {
    for length in [0, ChunkFrame.maximumLength + 1, Int(UInt32.max)] {
      var parser = ChunkFrameParser()
      try parser.feed(frame([1, 2, 3]))
      let error = #expect(throws: APIError.self) { try parser.feed(ChunkFrame.header(length: length)) }
      #expect(error?.status == 400 && error?.subject == "frame 1", "\(length): \(String(describing: error))")
    }
  }

  @Test func aBodyThatEndsWithinAFrameIsRefused() throws {
    for cut in 1..<7 {
      var parser = ChunkFrameParser()
      try parser.feed(frame([7]) + frame([1, 2, 3])[..<cut])
      let error = #expect(throws: APIError.self) { try parser.finish() }
      #expect(error?.subject == "frame 1")
    }
  }
}
