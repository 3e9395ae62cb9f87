import API
import ArtifactFiles
import FoundationEssentials
import Linux
import ModelFormats

extension ArtifactComparison {
  /// Compares by kind, size and SHA-256 of the content; owners, modes and times are of no account, nor are directories.
  init(
    first: String, _ firstFiles: ArtifactDirectory, second: String, _ secondFiles: ArtifactDirectory
  ) async throws {
    let left = try await Self.entries(firstFiles)
    let right = try await Self.entries(secondFiles)
    self.init(first: first, second: second, same: 0, differences: [])
    for path in Set(left.keys).union(right.keys).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      switch (left[path], right[path]) {
      case (let a?, let b?):
        if let difference = try await Self.difference(a, firstFiles, b, secondFiles) {
          differences.append(difference)
        } else {
          same += 1
        }
      case (_?, nil): differences.append(ArtifactDifference(path: path, kind: .onlyInFirst))
      case (nil, _): differences.append(ArtifactDifference(path: path, kind: .onlyInSecond))
      }
    }
  }

  private static func entries(_ directory: ArtifactDirectory) async throws -> [Data: ArtifactEntry] {
    let entries = try await offPool { try directory.list([], recursive: true) }
    return Dictionary(
      entries.filter { $0.kind != .directory }.map { ($0.pathBytes, $0) }, uniquingKeysWith: { $1 })
  }

  private static func difference(
    _ a: ArtifactEntry, _ first: ArtifactDirectory, _ b: ArtifactEntry, _ second: ArtifactDirectory
  ) async throws -> ArtifactDifference? {
    guard a.kind == b.kind, a.size == b.size, a.target == b.target else {
      return ArtifactDifference(path: a.pathBytes, kind: .changed)
    }
    if a.kind != .file { return nil }
    let digests = try await (digest(of: a, in: first), digest(of: b, in: second))
    if digests.0 == digests.1 { return nil }
    return ArtifactDifference(
      path: a.pathBytes, kind: .changed, firstDigest: digests.0, secondDigest: digests.1)
  }

  private static func digest(of entry: ArtifactEntry, in directory: ArtifactDirectory) async throws -> String {
    let file = try await offPool { try directory.open(Array(entry.pathBytes)) }
    let digest = ContentDigest()
    do {
      for try await piece in file.pieces(0..<file.size) { piece.withUnsafeBytes { digest.update($0) } }
    } catch {
      _ = digest.finish()
      throw error
    }
    return digest.finish()
  }
}
