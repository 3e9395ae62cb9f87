import FoundationEssentials
import Glibc
import StorageAPI

func tree(_ archive: String, without names: Set<String>) -> [Workload] {
  let isFor: (Place) -> Bool = { !names.contains($0.name) }
  return [
    Workload(name: "untar a source tree, sync", unit: .seconds, goal: .rate(0.5), isFor: isFor) { place, round in
      let directory = "\(place.directory)/\(round)/tree"
      makeDirectory(directory)
      run("tar", "--extract", "--file", archive, "--directory", directory)
      run("sync", "--file-system", directory)
      return 1
    },
    Workload(name: "rm -r of the source tree", unit: .seconds, goal: .rate(0.5), isFor: isFor) { place, round in
      run("rm", "-r", "\(place.directory)/\(round)/tree")
      return 1
    },
  ]
}

/// Clones a volume of so many files, which is made here. They are in directories of 1,000, and each has one of 1,000
/// contents of 4 KiB.
func cloneWorkload(_ count: Int, _ socket: String) async -> Workload {
  let client = StorageClient(socket: socket)
  func wanting<Result>(_ what: String, _ body: () async throws -> Result) async -> Result {
    do { return try await body() } catch { fail(expecting: "\(what), not: \(error)") }
  }
  let source = await wanting("a volume of \(count) files") {
    var content = Content(count: 4096, stream: 5_000)
    defer { content.free() }
    let digests = try await client.addChunks((0..<1_000).map { _ in [UInt8](content.advance()) }).digests
    return try await client.ingestTree(NewVolume(kind: .model), FlatTree(files: count, digests: digests))
  }
  func path(_ round: Int) -> String { "volumes/clone-\(round)" }
  return Workload(
    name: "clone of a volume of \(decimal(Double(count), 0)) files", unit: .seconds, goal: .milliseconds(50),
    isFor: { $0.client != nil },
    tidyUp: { place, round in
      await wanting("a clone with \(count) files") {
        let mount = try await client.information().mount
        var attributes = stat()
        for index in [0, count / 2, count - 1] {
          let file = "\(mount)/\(path(round))/\(index / 1_000)/\(index)"
          guard stat(file, &attributes) == 0, attributes.st_size == 4096 else { fail("stat \(file)") }
        }
        guard let clone = try await client.volume(path: path(round)), clone.usedInodes > UInt64(count) else {
          fail(expecting: "as many inodes in the clone")
        }
        try await client.removeVolume(clone.id)
      }
    }
  ) { _, round in
    _ = await wanting("a clone") {
      try await client.clone(source.id, NewVolume(kind: .workspace, path: path(round)))
    }
    return 1
  }
}

/// The entries of a tree of many small files, made as they are sent.
private struct FlatTree: AsyncSequence, Sendable {
  typealias Failure = any Error

  let files: Int
  /// Of the contents, which the files take in turn.
  let digests: [String]

  func makeAsyncIterator() -> Iterator { Iterator(tree: self) }

  struct Iterator: AsyncIteratorProtocol {
    let tree: FlatTree
    private var next = 0
    private var directory = -1
    private var hasRoot = false

    init(tree: FlatTree) { self.tree = tree }

    mutating func next() async throws -> TreeEntry? {
      if !hasRoot {
        hasRoot = true
        return entry("", .directory, mode: 0o755)
      }
      if next == tree.files { return nil }
      if next / 1_000 > directory {
        directory += 1
        return entry("\(directory)", .directory, mode: 0o755)
      }
      defer { next += 1 }
      return entry("\(directory)/\(next)", .file, [tree.digests[next % tree.digests.count]], mode: 0o644)
    }

    private func entry(
      _ path: String, _ kind: TreeEntry.Kind, _ digests: [String]? = nil, mode: UInt32
    ) -> TreeEntry {
      TreeEntry(
        path: Data(path.utf8), kind: kind, digests: digests, mode: mode, uid: 0, gid: 0, modifiedNanoseconds: 0)
    }
  }
}
