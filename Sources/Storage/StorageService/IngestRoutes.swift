import Chunks
import FileSystem
import HTTPService
import StorageAPI
import Synchronization
import Wire

// Trees that come in without going through the mount: POST /v1/ingest/missing, /v1/ingest/chunks, /v1/ingest/trees.
extension StorageService {
  /// Bytes of chunks that are hashed and compressed at a time, on as many threads as there are.
  private static let batchBytes = 4 << 20
  /// Lines of a tree that are parsed at a time, and the bytes at which fewer are.
  private static let batchLines = 256
  /// The most files in a tree.
  private static let maximumEntries = 5_000_000
  /// Bytes of a line: a file of a few hundred GiB.
  private static let maximumLine = 256 << 20
  /// Bytes of all lines: files of a few TiB. Half as many are kept in memory until the tree is made.
  private static let maximumTree = 2 << 30

  func addIngestRoutes(to router: inout Router) {
    router.add("POST", "/v1/ingest/missing") { [self] request in
      let list = try await request.json(DigestList.self, limit: 100 * DigestList.maximumCount)
      let missing = try await onStore { fileSystem in
        try fileSystem.missingChunks(list.digests.map(Digest.init(wire:))).map(\.hexadecimal)
      }
      return try .json(DigestList(digests: missing))
    }
    router.add("POST", "/v1/ingest/chunks") { [self] request in
      let digests = try await ingestChunks(request.body)
      return try .json(IngestedChunks(count: digests.count, digests: digests))
    }
    router.add("POST", "/v1/ingest/trees") { [self] request in
      let volume = try await ingestTree(request.body)
      return try .json(volume, status: 201)
    }
  }

  private func ingestChunks(_ body: RequestBody) async throws -> [String] {
    var parser = ChunkFrameParser()
    var digests: [String] = []
    for try await bytes in body {
      try parser.feed(bytes)
      // Before they are stored: 4 MiB of the smallest frames are more chunks than memory should hold.
      guard parser.count <= ChunkFrame.maximumCount else {
        throw APIError.tooLarge("A request takes at most \(ChunkFrame.maximumCount) chunks: send the rest in others.")
      }
      if parser.pendingBytes >= Self.batchBytes { digests += try await store(parser.take()) }
    }
    try parser.finish()
    return try await digests + store(parser.take())
  }

  /// Stores a batch, spread over the threads, and returns the digests in its order.
  private func store(_ chunks: [[UInt8]]) async throws -> [String] {
    let share = max(1, (chunks.count + threads.count - 1) / threads.count)
    let digests = try await withThrowingTaskGroup(of: (Int, [String]).self) { group in
      for start in stride(from: 0, to: chunks.count, by: share) {
        let part = chunks[start..<min(start + share, chunks.count)]
        group.addTask { [self] in
          let digests = try await onStore { fileSystem in
            try part.map { chunk in try chunk.withUnsafeBytes { try fileSystem.addChunk($0) }.hexadecimal }
          }
          return (start, digests)
        }
      }
      var parts: [(Int, [String])] = []
      for try await part in group { parts.append(part) }
      return parts.sorted { $0.0 < $1.0 }.flatMap(\.1)
    }
    counters.ingestedChunks.add(UInt64(chunks.count), ordering: .relaxed)
    counters.ingestedBytes.add(UInt64(chunks.reduce(0) { $0 + $1.count }), ordering: .relaxed)
    return digests
  }

  private func ingestTree(_ body: RequestBody) async throws -> Volume {
    var request: VolumeRequest?
    var entries: [IngestEntry] = []
    var lines: [[UInt8]] = []
    var bytes = 0
    var pendingBytes = 0
    // Line 1 says what the volume is to be; the others are its files.
    for try await line in body.lines(limit: Self.maximumLine) {
      bytes += line.count
      guard bytes <= Self.maximumTree else {
        throw APIError.tooLarge("A tree is described in at most \(Self.maximumTree) bytes.")
      }
      if request == nil {
        request = try VolumeRequest(decodeLine(NewVolume.self, line, number: 1))
        continue
      }
      lines.append(line)
      pendingBytes += line.count
      guard lines.count == Self.batchLines || pendingBytes >= Self.batchBytes else { continue }
      try await parse(&lines, into: &entries)
      pendingBytes = 0
    }
    try await parse(&lines, into: &entries)
    guard let request else {
      throw APIError.invalid("The body is empty: its first line says what the volume is to be, the others its files.")
    }
    let (tree, all) = (request, entries)
    let row = try await onStore { try $0.ingest(tree, all) }
    counters.ingestedTrees.add(1, ordering: .relaxed)
    guard let volume = Volume(row) else { throw APIError.notFound("That volume is the file system's own.") }
    return volume
  }

  private func parse(_ lines: inout [[UInt8]], into entries: inout [IngestEntry]) async throws {
    let (batch, first) = (lines, entries.count + 2)
    lines = []
    guard entries.count + batch.count <= Self.maximumEntries else {
      throw APIError.tooLarge("A tree has at most \(Self.maximumEntries) files.")
    }
    // A JSON object takes tens of microseconds: too long for the cooperative pool, in such numbers.
    entries += try await threads.run {
      try batch.enumerated().map { index, line in
        try IngestEntry(decodeLine(TreeEntry.self, line, number: first + index), line: first + index)
      }
    }
  }
}

private func decodeLine<Value: Decodable>(_ type: Value.Type, _ line: [UInt8], number: Int) throws -> Value {
  do {
    return try WireJSON.decode(type, from: line)
  } catch let error as DecodingError {
    throw APIError.invalid("Line \(number) is not what is expected: \(error.reason)", subject: "line \(number)")
  }
}

extension Digest {
  /// From the digits in a message.
  init(wire text: String) throws(APIError) {
    guard let digest = Digest(hexadecimal: text) else {
      throw .invalid("\(text.prefix(80).debugDescription) is not a digest: 64 lower-case hexadecimal digits.")
    }
    self = digest
  }
}

extension IngestEntry {
  /// From a line of a tree. Which entries make a tree together, the file system decides.
  init(_ entry: TreeEntry, line: Int) throws(APIError) {
    let subject = "line \(line)"
    let content: Content
    switch (entry.kind, entry.digests, entry.target) {
    case (.directory, nil, nil): content = .directory
    case (.file, let digests?, nil):
      var parsed: [Digest] = []
      parsed.reserveCapacity(digests.count)
      for digest in digests { parsed.append(try Digest(wire: digest)) }
      content = .file(parsed)
    case (.symbolicLink, nil, let target?): content = .symbolicLink(target: [UInt8](target))
    case (.hardLink, nil, let target?): content = .hardLink(to: [UInt8](target))
    default:
      throw .invalid(
        "Line \(line): a file has digests, a link has a target, a directory has neither.", subject: subject)
    }
    guard entry.mode & ~0o7777 == 0 else {
      throw .invalid("Line \(line): the mode \(entry.mode) has bits that are no permissions.", subject: subject)
    }
    self.init(
      path: [UInt8](entry.path), content: content, mode: entry.mode, uid: entry.uid, gid: entry.gid,
      modified: entry.modifiedNanoseconds)
  }
}
