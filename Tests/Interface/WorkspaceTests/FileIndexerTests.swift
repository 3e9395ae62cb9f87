import Chunks
import Foundation
import Glibc
import Testing

@testable import Workspace

@Suite struct FileIndexerTests {
  /// The chunks as they come when every byte is read.
  private func plainChunks(_ content: [UInt8]) -> [IndexedChunk] {
    let chunker = Chunker(.standard)
    return content.withUnsafeBytes { bytes in
      var chunks: [IndexedChunk] = []
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = UnsafeRawBufferPointer(rebasing: rest)
        let length = chunker.cut(piece)
        let digest = Digest(of: UnsafeRawBufferPointer(rebasing: piece[..<length]))
        chunks.append(IndexedChunk(digest: digest, length: UInt32(length)))
        rest = rest.dropFirst(length)
      }
      return chunks
    }
  }

  @Test func aHoleIsCutAsItsZerosWouldBe() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let indexer = try FileIndexer(directory: directory)
    defer { indexer.close() }
    for (name, data) in [("end", [0]), ("middle", [3_000_000]), ("none", []), ("odd", [1_000_001, 3_333_333])] {
      let path = directory + "/" + name
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      defer { close(descriptor) }
      #expect(ftruncate(descriptor, 5_000_123) == 0)
      var content = [UInt8](repeating: 0, count: 5_000_123)
      var random = SplitMix(state: 7)
      for offset in data {
        let bytes = (0..<10_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count)
        content.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
      }
      #expect(try indexer.index(Array(name.utf8)).chunks == plainChunks(content), "\(name)")
    }
  }

  @Test(.timeLimit(.minutes(1))) func fourGibibytesOfHoleAreNotRead() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    #expect(FileManager.default.createFile(atPath: directory + "/sparse", contents: nil))
    #expect(truncate(directory + "/sparse", 4 << 30) == 0)
    let indexer = try FileIndexer(directory: directory)
    defer { indexer.close() }
    let before = Date()
    let file = try indexer.index(Array("sparse".utf8))
    #expect(Date().timeIntervalSince(before) < 10)
    #expect(file.chunks.reduce(0) { $0 + UInt64($1.length) } == 4 << 30)
    // At most the one of zeros, and what is left at the end.
    #expect(Set(file.chunks).count <= 4)
  }
}
