import Catalog
import Chunks
import FileSystem
import FoundationEssentials
import Glibc
import StorageAPI
import TestSupport
import Testing
import UnixHTTP
import Wire

@testable import StorageService

/// Bodies of each seed. A soak sets CAIRN_FUZZ.
private let bodies = getenv("CAIRN_FUZZ").flatMap { Int(String(cString: $0)) } ?? 150

/// What a hostile client can send to be ingested: sound bodies, damaged or cut at random places.
@Suite struct IngestFuzzTests {
  private static let words = [
    "-1", "4294967295", "4294967296", "18446744073709551616", "1e400", "1.5", "null", "true", "[]", "{}", "\"\"",
    "\"Li4=\"", "\"L2E=\"", "\"YQBi\"", "\"%\"", "\"hard_link\"", "\"file\"", "\"symbolic_link\"", "\"directory\"",
  ]

  /// Changes some bytes, words or lines, or cuts it.
  private func damage(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0...Int.random(in: 0..<3, using: &generator) where !bytes.isEmpty {
      let at = Int.random(in: bytes.indices, using: &generator)
      switch Int.random(in: 0..<7, using: &generator) {
      case 0: bytes = Array(bytes.prefix(at))
      case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 2: bytes.insert(contentsOf: generator.bytes(Int.random(in: 1..<9, using: &generator)), at: at)
      case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1..<300, using: &generator)))
      case 4: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 300)], at: at)
      case 5: bytes.append(contentsOf: bytes[at...])
      default:
        // In the place of a value.
        guard let colon = bytes[at...].firstIndex(of: UInt8(ascii: ":")),
          let end = bytes[colon...].firstIndex(where: { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "}") })
        else { continue }
        let word = Self.words.randomElement(using: &generator) ?? ""
        bytes.replaceSubrange(colon + 1..<end, with: Array(word.utf8))
      }
    }
    return bytes
  }

  private func tree(_ digests: [String], using generator: inout SeededGenerator) throws -> [UInt8] {
    func entry(_ path: String, _ kind: TreeEntry.Kind) -> TreeEntry {
      TreeEntry(
        path: Data(path.utf8), kind: kind, mode: UInt32.random(in: 0...0o7777, using: &generator),
        uid: UInt32.random(in: 0...3, using: &generator), gid: 0,
        modifiedNanoseconds: Int64.random(in: .min ... .max, using: &generator))
    }
    var entries = [entry("", .directory), entry("d", .directory), entry("d/f", .file), entry("l", .hardLink)]
    entries[2].digests = (0..<Int.random(in: 0..<5, using: &generator)).map { _ in
      digests.randomElement(using: &generator) ?? ""
    }
    entries[3].target = Data("d/f".utf8)
    entries.append(entry("s", .symbolicLink))
    entries[4].target = Data("anywhere".utf8)
    let path = Bool.random(using: &generator) ? "models/m/\(UInt32.random(in: 0 ... .max, using: &generator))" : nil
    let lines = try [WireJSON.encode(NewVolume(kind: .model, path: path))] + entries.map { try WireJSON.encode($0) }
    return Array(lines.joined(separator: [10])) + (Bool.random(using: &generator) ? [10] : [])
  }

  /// The status of the answer.
  private func send(_ client: StorageClient, _ target: String, _ bytes: [UInt8]) async throws -> Int {
    do {
      try await client.http.send("POST", target, body: .bytes(bytes, contentType: "application/octet-stream"))
      return 200
    } catch let error as APIError {
      return error.status
    }
  }

  @Test(arguments: testSeeds(2))
  func damagedTreesAreRefusedAndLeaveNothing(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    try await withStore { client, fileSystem in
      let stored = try await client.addChunks([[1], [UInt8](repeating: 2, count: 5000), generator.bytes(100_000)])
      var volumes = 0
      for number in 0..<bodies {
        var body = try tree(stored.digests, using: &generator)
        if number % 4 > 0 { body = damage(body, using: &generator) }
        let status = try await send(client, "/v1/ingest/trees", body)
        let place: Comment = "seed \(seed), tree \(number): \(status) \(String(decoding: body, as: UTF8.self))"
        #expect(status == 200 || (400..<500).contains(status), place)
        if status == 200 { volumes += 1 }
        #expect(fileSystem.volumes().count == volumes, place)
      }
      #expect(volumes > 0 && volumes < bodies, "nothing is shown")
      #expect(try fileSystem.check(repair: false).findings == [])
      for volume in fileSystem.volumes() { try fileSystem.removeVolume(volume.id) }
      #expect(try fileSystem.check(repair: false).findings == [])
    }
  }

  @Test(arguments: testSeeds(2))
  func damagedFramesAreCutAsTheirLengthsSayOrRefused(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    try await withStore { client, fileSystem in
      var refused = 0
      for number in 0..<bodies {
        var body: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<6, using: &generator) {
          let content = generator.bytes(Int.random(in: 1..<3000, using: &generator))
          body += ChunkFrame.header(length: content.count) + content
        }
        if !Bool.random(using: &generator) { body = damage(body, using: &generator) }
        let chunks = Self.chunks(of: body)
        // As the pieces come from a socket: of any length.
        var parser = ChunkFrameParser()
        var rest = body[...]
        let place: Comment = "seed \(seed), body \(number) of \(body.count) bytes"
        do {
          while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1..<2000, using: &generator))
            rest = rest.dropFirst(piece.count)
            try parser.feed(Array(piece))
          }
          try parser.finish()
          #expect(parser.count == chunks?.count && parser.take() == chunks, place)
        } catch is APIError {
          #expect(chunks == nil, place)
        }
        let status = try await send(client, "/v1/ingest/chunks", body)
        #expect(status == (chunks == nil ? 400 : 200), place)
        if chunks == nil { refused += 1 }
        let digests = (chunks ?? []).map { chunk in chunk.withUnsafeBytes { Digest(of: $0) } }
        #expect(try fileSystem.missingChunks(digests) == [], place)
      }
      #expect(refused > 0 && refused < bodies, "nothing is shown")
      #expect(try fileSystem.check(repair: false).findings == [])
    }
  }

  /// What the frames hold, told from the whole body at once; nil: it is none.
  private static func chunks(of body: [UInt8]) -> [[UInt8]]? {
    var chunks: [[UInt8]] = []
    var at = 0
    while at < body.count {
      guard body.count - at >= 4 else { return nil }
      let length = Int(body[at]) | Int(body[at + 1]) << 8 | Int(body[at + 2]) << 16 | Int(body[at + 3]) << 24
      guard (1...262_144).contains(length), body.count - at - 4 >= length else { return nil }
      chunks.append(Array(body[at + 4..<at + 4 + length]))
      at += 4 + length
    }
    return chunks
  }

  @Test func moreFramesThanARequestMayHaveAreRefusedBeforeTheyAreStored() async throws {
    try await withStore { client, fileSystem in
      let frame = ChunkFrame.header(length: 1) + [7]
      let body = Array(repeatElement(frame, count: ChunkFrame.maximumCount + 1).joined())
      let refused = try await send(client, "/v1/ingest/chunks", body)
      #expect(refused == 413)
      let digest = ([7] as [UInt8]).withUnsafeBytes { Digest(of: $0) }
      #expect(try fileSystem.missingChunks([digest]) == [digest])
      let taken = try await send(client, "/v1/ingest/chunks", Array(body.dropLast(frame.count)))
      #expect(taken == 200)
      #expect(try fileSystem.missingChunks([digest]) == [])
    }
  }
}
