import Chunks

/// A piece of a file, by the name of its content.
public struct IndexedChunk: Sendable, Hashable {
  public var digest: Digest
  public var length: UInt32

  public init(digest: Digest, length: UInt32) {
    self.digest = digest
    self.length = length
  }
}

/// A regular file of a workspace, cut into chunks.
public struct IndexedFile: Sendable, Equatable {
  public var path: [UInt8]
  public var stamp: FileStamp
  /// In order; together they are the file's content. None for an empty file.
  public var chunks: [IndexedChunk]
}
