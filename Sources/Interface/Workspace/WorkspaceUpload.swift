import Chunks
import Linux

/// Where a workspace is sent to.
public protocol WorkspaceDestination: Sendable {
  /// Those of `digests` that the store lacks.
  func missing(_ digests: [Digest]) async throws -> [Digest]
  /// Stores chunks.
  func add(_ contents: [[UInt8]]) async throws
  /// Makes a snapshot of a tree whose chunks are all in the store, and returns its volume's number.
  func commit(_ tree: [WorkspaceTreeEntry]) async throws -> UInt32
}

/// One file of the tree that is sent in the end.
public struct WorkspaceTreeEntry: Sendable, Equatable {
  public var entry: WorkspaceEntry
  /// Of a regular file.
  public var chunks: [Digest]
}

/// How far an upload is.
public struct UploadProgress: Sendable, Equatable {
  public var files = 0
  /// Bytes in all files.
  public var bytes: UInt64 = 0
  /// Bytes that the store lacks.
  public var missingBytes: UInt64 = 0
  public var sentBytes: UInt64 = 0
}

/// What an upload came to.
public struct UploadResult: Sendable {
  /// The number of the snapshot's volume.
  public var snapshot: UInt32
  public var progress: UploadProgress
  /// What a workspace cannot hold.
  public var skipped: [SkippedFile]
}

/// Sends a directory to the store as a snapshot, of its content only the chunks that are not there.
///
/// Files are read twice rather than kept in memory: once to name their chunks, and the missing chunks
/// again to send them. A file that changed in between makes the upload begin again, for which all but
/// the changed file is known by then.
public struct WorkspaceUpload: Sendable {
  /// Digests asked for in one request.
  private static let questionSize = 4096
  /// Bytes sent in one request: enough to make the round trip cheap, and the most held in memory.
  private static let batchSize = 8 << 20
  /// Chunks sent in one request: files of a few bytes are many, and the store takes 65,536.
  private static let batchCount = 4096
  private static let tries = 3

  private let directory: String
  private let cacheLocation: String?
  private let destination: any WorkspaceDestination
  private let report: @Sendable (UploadProgress) -> Void

  /// - Parameters:
  ///   - cacheLocation: where the ``IndexCache`` lies; nil: every file is read.
  ///   - report: called after each step, from any thread.
  public init(
    directory: String, cacheLocation: String?, to destination: any WorkspaceDestination,
    report: @escaping @Sendable (UploadProgress) -> Void = { _ in }
  ) {
    self.directory = directory
    self.cacheLocation = cacheLocation
    self.destination = destination
    self.report = report
  }

  /// - Throws: ``WorkspaceError``, or what the destination throws.
  public func run() async throws -> UploadResult {
    var changed: [UInt8] = []
    for _ in 0..<Self.tries {
      switch try await runOnce() {
      case .done(let result): return result
      case .changed(let path): changed = path
      }
    }
    throw WorkspaceError.keepsChanging(path: changed)
  }

  private enum Outcome {
    case done(UploadResult)
    case changed([UInt8])
  }

  private struct Index: Sendable {
    var walk: WorkspaceWalk
    var files: [IndexedFile] = []
    var progress = UploadProgress()
  }

  private struct Piece: Sendable {
    var chunk: IndexedChunk
    var path: [UInt8]
    var offset: UInt64
  }

  private func runOnce() async throws -> Outcome {
    let index = try await offPool { try makeIndex() }
    var progress = index.progress
    let missing = try await missingPieces(of: index)
    progress.missingBytes = missing.reduce(0) { $0 + UInt64($1.chunk.length) }
    report(progress)
    var next = 0
    while next < missing.count {
      var batch: [Piece] = []
      var size = 0
      while next < missing.count, batch.count < Self.batchCount,
        batch.isEmpty || size + Int(missing[next].chunk.length) <= Self.batchSize
      {
        size += Int(missing[next].chunk.length)
        batch.append(missing[next])
        next += 1
      }
      let pieces = batch
      switch try await offPool({ try read(pieces) }) {
      case .contents(let contents): try await destination.add(contents)
      case .changed(let path): return .changed(path)
      }
      progress.sentBytes += UInt64(size)
      report(progress)
    }
    let chunks = Dictionary(uniqueKeysWithValues: index.files.map { ($0.path, $0.chunks.map(\.digest)) })
    let tree = index.walk.entries.map { WorkspaceTreeEntry(entry: $0, chunks: chunks[$0.path] ?? []) }
    let snapshot = try await destination.commit(tree)
    return .done(UploadResult(snapshot: snapshot, progress: progress, skipped: index.walk.skipped))
  }

  private func makeIndex() throws -> Index {
    var index = Index(walk: try WorkspaceWalk(directory: directory))
    var cache = cacheLocation.map { IndexCache(readFrom: $0) } ?? IndexCache()
    let indexer = try FileIndexer(directory: directory)
    defer { indexer.close() }
    let start = nanosecondsNow()
    var lastReport = start
    for entry in index.walk.entries where entry.content == .file {
      if let chunks = cache.chunks(of: entry.path, stamp: entry.stamp) {
        index.files.append(IndexedFile(path: entry.path, stamp: entry.stamp, chunks: chunks))
      } else {
        index.files.append(try indexer.index(entry.path))
      }
      index.progress.files += 1
      index.progress.bytes += index.files[index.files.count - 1].stamp.size
      if nanosecondsNow() - lastReport > 100_000_000 {
        lastReport = nanosecondsNow()
        report(index.progress)
      }
    }
    report(index.progress)
    if let cacheLocation {
      cache.replace(with: index.files, now: start)
      // Without the cache the next upload reads more and is as right as this one.
      try? cache.write(to: cacheLocation)
    }
    return index
  }

  private func missingPieces(of index: Index) async throws -> [Piece] {
    var places: [Digest: Piece] = [:]
    var order: [Digest] = []
    for file in index.files {
      var offset: UInt64 = 0
      for chunk in file.chunks {
        if places[chunk.digest] == nil {
          places[chunk.digest] = Piece(chunk: chunk, path: file.path, offset: offset)
          order.append(chunk.digest)
        }
        offset += UInt64(chunk.length)
      }
    }
    var missing: [Piece] = []
    var next = 0
    while next < order.count {
      let question = Array(order[next..<min(next + Self.questionSize, order.count)])
      next += question.count
      missing += try await destination.missing(question).compactMap { places[$0] }
    }
    return missing
  }

  private enum Contents: Sendable {
    case contents([[UInt8]])
    case changed([UInt8])
  }

  private func read(_ pieces: [Piece]) throws -> Contents {
    let indexer = try FileIndexer(directory: directory)
    defer { indexer.close() }
    var contents: [[UInt8]] = []
    for piece in pieces {
      guard let content = try indexer.content(of: piece.chunk, in: piece.path, at: piece.offset) else {
        try forget(piece.path)
        return .changed(piece.path)
      }
      contents.append(content)
    }
    return .contents(contents)
  }

  /// A file whose content changed while its stamp did not would otherwise be believed again.
  private func forget(_ path: [UInt8]) throws {
    guard let cacheLocation else { return }
    var cache = IndexCache(readFrom: cacheLocation)
    cache.forget(path)
    try cache.write(to: cacheLocation)
  }
}
