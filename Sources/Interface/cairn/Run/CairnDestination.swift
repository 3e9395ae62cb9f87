import API
import Chunks
import FoundationEssentials
import StorageAPI
import Workspace

/// Sends a workspace to `cairnd`, which passes it on to the store.
struct CairnDestination: WorkspaceDestination {
  let client: CairnClient

  func missing(_ digests: [Digest]) async throws -> [Digest] {
    try await client.missingChunks(digests.map(\.hexadecimal)).compactMap { Digest(hexadecimal: $0) }
  }

  func add(_ contents: [[UInt8]]) async throws { _ = try await client.addChunks(contents) }

  func commit(_ tree: [WorkspaceTreeEntry]) async throws -> UInt32 { try await client.addTree(tree.map(wire)).id }

  /// The files belong to root in the snapshot, whoever sent them, as they do in an image: the user
  /// numbers of this host mean nothing in a container. So set-user-ID bits are not kept either.
  func wire(_ file: WorkspaceTreeEntry) -> TreeEntry {
    let entry = file.entry
    var wire = TreeEntry(
      path: Data(entry.path), kind: .directory, mode: entry.mode & 0o777, uid: 0, gid: 0,
      modifiedNanoseconds: entry.stamp.modified)
    switch entry.content {
    case .directory: break
    case .file:
      wire.kind = .file
      wire.digests = file.chunks.map(\.hexadecimal)
    case .symbolicLink(let target):
      wire.kind = .symbolicLink
      wire.target = Data(target)
    case .hardLink(let first):
      wire.kind = .hardLink
      wire.target = Data(first)
    }
    return wire
  }
}
