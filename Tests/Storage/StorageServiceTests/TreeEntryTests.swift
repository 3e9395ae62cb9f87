import Chunks
import FileSystem
import FoundationEssentials
import StorageAPI
import Testing
import Wire

@testable import StorageService

@Suite struct TreeEntryTests {
  private func entry(
    _ kind: TreeEntry.Kind, digests: [String]? = nil, target: Data? = nil, mode: UInt32 = 0o644
  ) -> TreeEntry {
    // 0xFF is not UTF-8.
    TreeEntry(
      path: Data([0x61, 0xFF]), kind: kind, digests: digests, target: target, mode: mode, uid: 1, gid: 2,
      modifiedNanoseconds: -3)
  }

  @Test func namesThatAreNotUTF8SurviveTheWire() throws {
    let digest = String(repeating: "0a", count: 32)
    let sent = entry(.file, digests: [digest, digest])
    let bytes = try WireJSON.encode(sent)
    #expect(!bytes.contains(10), "a line break within a line")
    let received = try WireJSON.decode(TreeEntry.self, from: bytes)
    #expect(received == sent)
    let stored = try IngestEntry(received, line: 2)
    #expect(stored.path == [0x61, 0xFF] && stored.uid == 1 && stored.gid == 2 && stored.modified == -3)
    guard case .file(let digests) = stored.content else {
      Issue.record("\(stored.content)")
      return
    }
    #expect(digests.map(\.hexadecimal) == [digest, digest])
  }

  @Test func whatMakesNoSenseIsRefusedWithItsLine() {
    let digest = String(repeating: "0a", count: 32)
    let target = Data("x".utf8)
    let wrong = [
      entry(.directory, digests: []), entry(.directory, target: target), entry(.file), entry(.file, target: target),
      entry(.file, digests: [digest], target: target), entry(.symbolicLink), entry(.hardLink, digests: []),
      entry(.directory, mode: 0o40755), entry(.file, digests: ["0a"]),
      entry(.file, digests: [String(repeating: "0g", count: 32)]), entry(.file, digests: [digest + "00"]),
    ]
    for entry in wrong {
      let error = #expect(throws: APIError.self) { try IngestEntry(entry, line: 7) }
      #expect(error?.status == 400, "\(entry)")
    }
  }
}
