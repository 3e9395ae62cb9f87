import Chunks
import Foundation
import Testing

@testable import Workspace

/// Lacks everything, and remembers how it came.
private actor Recorder: WorkspaceDestination {
  private(set) var batches: [Int] = []
  private(set) var files = 0

  func missing(_ digests: [Digest]) -> [Digest] { digests }

  func add(_ contents: [[UInt8]]) { batches.append(contents.count) }

  func commit(_ tree: [WorkspaceTreeEntry]) -> UInt32 {
    files = tree.filter { $0.entry.content == .file }.count
    return 1
  }
}

@Suite struct WorkspaceUploadTests {
  /// The store takes so many chunks in a request, and files of a few bytes are a chunk each.
  @Test func aRequestHasNoMoreChunksThanTheStoreTakes() async throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    for number in 0..<9000 { try Data("\(number)".utf8).write(to: URL(fileURLWithPath: directory + "/\(number)")) }
    let recorder = Recorder()
    _ = try await WorkspaceUpload(directory: directory, cacheLocation: nil, to: recorder).run()
    let (batches, files) = await (recorder.batches, recorder.files)
    #expect(files == 9000 && batches.reduce(0, +) == 9000)
    #expect(batches.allSatisfy { $0 <= 4096 }, "\(batches)")
  }
}
