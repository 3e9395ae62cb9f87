import Chunks
import FoundationEssentials
import Glibc
import Linux
import Testing

@testable import Catalog

/// Runs SQL behind the catalog's back.
func rewrite(_ sql: String, _ catalog: Catalog) throws {
  try catalog.write { (connection) throws(CatalogError) in try connection.execute(sql) }
}

@Suite struct DurabilityTests {
  let scratch = Scratch()
  var path: String { "\(scratch.path)/\(Catalog.fileName)" }

  /// A batch in which everything carries `number`, so that a mixture of two is seen.
  static func batch(_ number: UInt64, inodes: UInt64 = 200) -> CatalogBatch {
    var batch = CatalogBatch(counters: Counters(appliedSequence: number, nextChunk: number + 1))
    batch.packs = [PackRow(id: 1, bytes: number)]
    batch.chunks = [chunkRow(number)]
    for inode in 1...inodes {
      batch.inodes.append((1, inode, file(size: number)))
      batch.extentPages.append((1, inode, 0, [Extent(offset: 0, length: 300, content: .chunk(number, offset: 0))]))
    }
    return batch
  }

  static func expectState(_ number: UInt64, _ catalog: Catalog, inodes: UInt64 = 200) throws {
    #expect(try catalog.counters().appliedSequence == number)
    for inode in 1...inodes { #expect(try catalog.inode([1], inode)?.size == number) }
    #expect(try catalog.chunkTotals().count == 1)
    #expect(try catalog.packUsage() == [PackRow(id: 1, bytes: number, liveBytes: 100)])
    #expect(try catalog.check() == [])
  }

  @Test func whatWasCommittedIsThereAfterReopening() throws {
    for number: UInt64 in 1...3 {
      let catalog = try Catalog(directory: scratch.path)
      if number > 1 { try Self.expectState(number - 1, catalog) }
      try catalog.commit(Self.batch(number))
      try Self.expectState(number, catalog)
    }
    // Closed in good order, the log is empty.
    #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
  }

  @Test func aProcessThatIsKilledLosesNoCommit() async throws {
    let directory = scratch.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String] in
      let catalog = try Catalog(directory: directory)
      for number: UInt64 in 1...20 { try catalog.commit(DurabilityTests.batch(number)) }
      kill(getpid(), SIGKILL)
    }
    #expect(FileManager.default.fileExists(atPath: path + "-wal"))
    try Self.expectState(20, try Catalog(directory: directory))
  }

  @Test func aCommitOnAFullDiskKeepsNothingAndTheNextOneWorks() throws {
    let catalog = try Catalog(directory: scratch.path)
    try catalog.commit(Self.batch(1))
    let pages = try catalog.writer.withLock { (connection) throws(CatalogError) in
      try connection.integer("PRAGMA page_count")
    }
    // One more page at a time: the batch fails at one table after the other.
    var failures = 0
    for room: Int64 in 0..<200 {
      try rewrite("PRAGMA max_page_count = \(pages + room)", catalog)
      do throws(CatalogError) {
        try catalog.commit(Self.batch(2, inodes: 2000))
        break
      } catch {
        #expect(error.code == .full)
        failures += 1
        try Self.expectState(1, catalog)
      }
    }
    #expect(failures > 5)
    try Self.expectState(2, catalog, inodes: 2000)
  }

  @Test func aBatchFromThePastIsRefused() throws {
    let catalog = try Catalog(directory: scratch.path)
    try catalog.commit(Self.batch(5))
    #expect(throws: CatalogError.self) { try catalog.commit(Self.batch(4)) }
    try Self.expectState(5, catalog)
  }

  @Test func aNewerVersionIsRefusedWithASentence() throws {
    do {
      let catalog = try Catalog(directory: scratch.path)
      try rewrite("PRAGMA user_version = 2", catalog)
    }
    let error = #expect(throws: CatalogError.self) { try Catalog(directory: scratch.path) }
    #expect(error?.code == .newerVersion)
    #expect(error?.description.contains("version 2") == true)
    #expect(error?.description.contains(path) == true)
  }

  @Test(arguments: ["CREATE TABLE other (a)", "PRAGMA application_id = 5"])
  func anotherProgramsDatabaseIsLeftAlone(sql: String) throws {
    do {
      let connection = try Connection(path: path, .readWrite)
      try connection.execute(sql)
    }
    let error = #expect(throws: CatalogError.self) { try Catalog(directory: scratch.path) }
    #expect(error?.code == .damaged)
    let connection = try Connection(path: path, .readWrite)
    #expect(try connection.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'chunk'") == 0)
  }

  @Test func damageIsReportedAsDamage() throws {
    do {
      let catalog = try Catalog(directory: scratch.path)
      try catalog.commit(Self.batch(1))
    }
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    for index in 0..<100 { bytes[index] = 7 }
    try Data(bytes).write(to: URL(filePath: path))
    let error = #expect(throws: CatalogError.self) { try Catalog(directory: scratch.path) }
    #expect(error?.code == .damaged)
  }

  @Test func aMissingDirectoryIsAnErrorThatNamesIt() throws {
    let error = #expect(throws: CatalogError.self) { try Catalog(directory: scratch.path + "/missing") }
    #expect(error?.description.contains("missing/catalog.db") == true)
  }

  /// A reader that takes its time keeps the log from being emptied; it must not make anything fail.
  @Test func aSlowReaderDelaysOnlyTheCheckpoint() throws {
    let catalog = try Catalog(directory: scratch.path)
    try catalog.commit(Self.batch(1))
    try catalog.read { (connection) throws(CatalogError) in
      let before = try connection.readCounters()
      try catalog.commit(Self.batch(2))
      try catalog.checkpoint()
      try catalog.commit(Self.batch(3))
      #expect(try connection.readCounters() == before)
    }
    try catalog.checkpoint()
    #expect(try LocalDisk(root: scratch.path).open("\(Catalog.fileName)-wal", create: false).length() == 0)
    try Self.expectState(3, catalog)
  }

  /// Connections go on looking at one state between look-ups, until there is a newer one.
  @Test func eachReaderSeesACommitThatReturned() throws {
    let catalog = try Catalog(directory: scratch.path, readers: 3)
    for number in 1...20 {
      try catalog.commit(Self.batch(UInt64(number)))
      for _ in 1...4 { try Self.expectState(UInt64(number), catalog) }
    }
    try catalog.checkpoint()
    #expect(try LocalDisk(root: scratch.path).open("\(Catalog.fileName)-wal", create: false).length() == 0)
  }
}
