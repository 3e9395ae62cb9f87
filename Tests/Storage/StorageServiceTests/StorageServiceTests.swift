import Catalog
import Chunks
import FileSystem
import FoundationEssentials
import StorageAPI
import Testing
import UnixHTTP
import Wire

@testable import StorageService

/// The admin API over a real store.
@Suite struct StorageServiceTests {
  /// What is thrown by `body`, if it is a refusal.
  private func refusal(_ body: () async throws -> Void) async throws -> APIError? {
    do {
      try await body()
      return nil
    } catch let error as APIError {
      return error
    }
  }

  @Test func theDaemonTellsWhoItIs() async throws {
    try await withStore { client, _ in
      let information = try await client.information()
      #expect(information.version == cairnVersion && information.mount == "/nowhere" && information.pid > 0)
      let statistics = try await client.statistics()
      #expect(statistics.residentBytes > 1 << 20 && statistics.threads > 4 && statistics.cpuSeconds > 0)
      #expect(statistics.kernelRequests == ["LOOKUP": 3])
      try await client.synchronize()
    }
  }

  @Test func aVolumeIsMadeFoundLimitedSealedAndRemoved() async throws {
    try await withStore { client, _ in
      let made = try await client.createVolume(
        NewVolume(kind: .artifact, path: "artifacts/p/j", uid: 1000, gid: 1000, mode: 0o750, quotaBytes: 1 << 30))
      #expect(made.kind == .artifact && made.path == "artifacts/p/j" && made.quotaBytes == 1 << 30 && !made.sealed)
      let (byNumber, byPath) = (try await client.volume(made.id), try await client.volume(path: "artifacts/p/j"))
      #expect(byNumber == made && byPath == made)
      let none = try await client.volume(path: "artifacts/p/k")
      #expect(none == nil)
      let all = try await client.volumes()
      #expect(all == [made])
      let limited = try await client.setQuota(made.id, bytes: 5, inodes: 6)
      #expect(limited.quotaBytes == 5 && limited.quotaInodes == 6)
      let sealed = try await client.seal(made.id)
      #expect(sealed.sealed)
      try await client.removeVolume(made.id)
      let error = try await refusal { _ = try await client.volume(made.id) }
      #expect(error?.status == 404 && error?.code == "not_found")
    }
  }

  @Test func aSnapshotStaysAndACloneGoesItsOwnWay() async throws {
    try await withStore { client, fileSystem in
      let work = try await client.createVolume(NewVolume(kind: .workspace, path: "workspaces/w"))
      let snapshot = try await client.snapshot(work.id)
      #expect(snapshot.sealed && snapshot.path == nil && snapshot.source == work.id)
      let clone = try await client.clone(
        snapshot.id, NewVolume(kind: .workspace, path: "workspaces/w2", quotaInodes: 100))
      #expect(!clone.sealed && clone.quotaInodes == 100 && clone.source == snapshot.id)
    }
  }

  @Test func refusalsAreNeverServerFaults() async throws {
    try await withStore { client, _ in
      _ = try await client.createVolume(NewVolume(kind: .workspace, path: "workspaces/w"))
      let twice = try await refusal {
        _ = try await client.createVolume(NewVolume(kind: .workspace, path: "workspaces/w"))
      }
      #expect(twice?.status == 409)
      for path in ["", "/workspaces/x", "nowhere/x", "workspaces/../x", "workspaces//x"] {
        let error = try await refusal { _ = try await client.createVolume(NewVolume(kind: .workspace, path: path)) }
        #expect(error.map { (400..<500).contains($0.status) } == true, "\(path): \(String(describing: error))")
      }
      for target in ["/v1/volumes/0", "/v1/volumes/4294967295", "/v1/volumes/4294967296", "/v1/volumes/x"] {
        let error = try await refusal { try await client.http.send("GET", target) }
        #expect(error.map { (400..<500).contains($0.status) } == true, "\(target): \(String(describing: error))")
      }
      let mode = try await refusal {
        _ = try await client.createVolume(NewVolume(kind: .workspace, path: "workspaces/x", mode: 0o40755))
      }
      #expect(mode?.status == 400)
      let kind = try await refusal {
        try await client.http.send(
          "POST", "/v1/volumes", body: .bytes([UInt8](#"{"kind":"skeleton"}"#.utf8), contentType: "application/json"))
      }
      #expect(kind?.status == 400)
    }
  }

  @Test func aTreeComesInByItsMissingChunks() async throws {
    try await withStore { client, fileSystem in
      let contents: [[UInt8]] = (0..<40).map { index in
        (0..<(20_000 + index)).map { UInt8(truncatingIfNeeded: ($0 &* 31 &+ index &* 7) >> 3) }
      }
      let stored = try await client.addChunks(contents)
      #expect(stored.count == contents.count)
      #expect(stored.digests == contents.map { $0.withUnsafeBytes { Digest(of: $0) }.hexadecimal })
      let absent = String(repeating: "ab", count: 32)
      let missing = try await client.missingChunks([absent] + stored.digests)
      #expect(missing == [absent])

      func entry(
        _ path: [UInt8], _ kind: TreeEntry.Kind, digests: [String]? = nil, target: String? = nil, mode: UInt32 = 0o644
      ) -> TreeEntry {
        TreeEntry(
          path: Data(path), kind: kind, digests: digests, target: target.map { Data($0.utf8) }, mode: mode, uid: 7,
          gid: 8, modifiedNanoseconds: 1_234_567_890)
      }
      let strange: [UInt8] = [0x73, 0x2F, 0xFF, 0xFE]
      let volume = try await client.ingestTree(
        NewVolume(kind: .workspace),
        [
          entry([], .directory, mode: 0o755), entry([0x73], .directory, mode: 0o700),
          entry(strange, .file, digests: stored.digests), entry([UInt8]("l".utf8), .symbolicLink, target: "s"),
        ])
      #expect(volume.sealed && volume.path == nil && volume.usedInodes == 4)

      // Its files are there, through a clone that appears under the mount.
      let clone = try await client.clone(volume.id, NewVolume(kind: .workspace, path: "workspaces/w"))
      #expect(clone.usedInodes == 4)
      let workspaces = try fileSystem.lookup(.root, [UInt8]("workspaces".utf8))
      let root = try fileSystem.lookup(workspaces.node, [UInt8]("w".utf8))
      let directory = try fileSystem.lookup(root.node, [0x73])
      let file = try fileSystem.lookup(directory.node, [0xFF, 0xFE])
      #expect(file.size == UInt64(contents.reduce(0) { $0 + $1.count }))
      #expect(file.uid == 7 && file.gid == 8 && file.modified == 1_234_567_890 && file.mode & 0o7777 == 0o644)
      var bytes = [UInt8](repeating: 0, count: Int(file.size))
      let count = try bytes.withUnsafeMutableBytes { try fileSystem.read(file.node, offset: 0, into: $0) }
      #expect(count == bytes.count && bytes == contents.flatMap { $0 })

      let usage = try await client.usage()
      #expect(usage.uniqueBytes >= UInt64(bytes.count))
      let statistics = try await client.statistics()
      #expect(statistics.ingestedChunks == 40 && statistics.ingestedTrees == 1)
    }
  }

  @Test func garbageInAnIngestIsRefusedAndTheServiceLivesOn() async throws {
    try await withStore { client, _ in
      let bodies: [(String, [UInt8])] = [
        ("/v1/ingest/chunks", [UInt8]("AAAAAAAAAAAAAAAA".utf8)), ("/v1/ingest/chunks", [0, 0, 0, 0]),
        ("/v1/ingest/chunks", [5, 0, 0, 0, 1]), ("/v1/ingest/chunks", ChunkFrame.header(length: 262_145)),
        ("/v1/ingest/missing", [UInt8](#"{"digests":["xyz"]}"#.utf8)), ("/v1/ingest/missing", [0xFF, 0xFE]),
        ("/v1/ingest/trees", []), ("/v1/ingest/trees", [UInt8]("not json\n".utf8)),
        ("/v1/ingest/trees", [UInt8]("{\"kind\":\"workspace\"}\nnot json\n".utf8)),
        ("/v1/ingest/trees", [UInt8]("{\"kind\":\"workspace\"}\n{\"path\":\"%%%\",\"kind\":\"file\"}\n".utf8)),
        ("/v1/ingest/trees", [UInt8]("{\"kind\":\"workspace\"}\n\n".utf8)),
      ]
      for (target, bytes) in bodies {
        let error = try await refusal {
          try await client.http.send("POST", target, body: .bytes(bytes, contentType: "application/octet-stream"))
        }
        #expect(error?.status == 400, "\(target) \(bytes): \(String(describing: error))")
      }
      // A tree of a chunk that nobody has sent.
      let absent = TreeEntry(
        path: Data("f".utf8), kind: .file, digests: [String(repeating: "cd", count: 32)], mode: 0o644, uid: 0, gid: 0,
        modifiedNanoseconds: 0)
      let root = TreeEntry(path: Data(), kind: .directory, mode: 0o755, uid: 0, gid: 0, modifiedNanoseconds: 0)
      let trees: [[TreeEntry]] = [[root, absent], [], [absent], [root, root]]
      for tree in trees {
        let error = try await refusal { _ = try await client.ingestTree(NewVolume(kind: .workspace), tree) }
        #expect(error.map { (400..<500).contains($0.status) } == true, "\(tree): \(String(describing: error))")
      }
      let volumes = try await client.volumes()
      #expect(volumes.isEmpty)
    }
  }

  @Test func aClientThatGoesMidwayLeavesTheServiceAlive() async throws {
    try await withStore { client, _ in
      struct Gone: Error {}
      for _ in 0..<10 {
        await #expect(throws: Gone.self) {
          _ = try await client.addChunks { writer in
            try await writer.write(ChunkFrame.header(length: 200_000) + [UInt8](repeating: 1, count: 100_000))
            throw Gone()
          }
        }
      }
      let stored = try await client.addChunks([[1, 2, 3]])
      #expect(stored.count == 1)
    }
  }
}
