import CSQLite

/// A connection to SQLite with its prepared statements.
///
/// Not thread-safe, and opened with `SQLITE_OPEN_NOMUTEX`: whoever holds one makes sure that one
/// thread at a time uses it. It may move between threads.
final class Connection {
  enum Access {
    case readWrite
    case readOnly
  }

  private let database: OpaquePointer
  private var statements: [String: Statement] = [:]
  /// What ``countLogPages()`` counts; in a heap block of its own because SQLite keeps the address.
  private let logPages: UnsafeMutablePointer<Int32>

  init(path: String, _ access: Access) throws(CatalogError) {
    let flags = access == .readWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY
    var handle: OpaquePointer?
    let result = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
    guard result == SQLITE_OK, let handle else {
      let error = CatalogError(sqlite: result, handle, "open \(path)")
      sqlite3_close_v2(handle)
      throw error
    }
    database = handle
    logPages = .allocate(capacity: 1)
    logPages.initialize(to: 0)
    // A connection that waits for another process gives up after this long, in milliseconds.
    sqlite3_busy_timeout(database, 250)
  }

  deinit {
    statements.removeAll()
    sqlite3_close_v2(database)
    logPages.deallocate()
  }

  /// The prepared statement for `sql`, which must be one of a fixed set: it is kept.
  func statement(_ sql: String) throws(CatalogError) -> Statement {
    if let statement = statements[sql] { return statement }
    let statement = try Statement(database, sql)
    statements[sql] = statement
    return statement
  }

  /// Runs one or more statements without parameters or results.
  func execute(_ sql: String) throws(CatalogError) {
    let result = sqlite3_exec(database, sql, nil, nil, nil)
    guard result == SQLITE_OK else { throw CatalogError(sqlite: result, database, sql) }
  }

  /// The single integer that a query such as a pragma answers.
  func integer(_ sql: String) throws(CatalogError) -> Int64 {
    guard let value = try Statement(database, sql).first({ $0.int64(0) }) else {
      throw CatalogError(.failed, sql, "no answer")
    }
    return value
  }

  func text(_ sql: String) throws(CatalogError) -> String {
    guard let value = try Statement(database, sql).first({ $0.text(0) }) else {
      throw CatalogError(.failed, sql, "no answer")
    }
    return value
  }

  /// Rows that the last INSERT, UPDATE or DELETE changed.
  var changes: Int { Int(sqlite3_changes64(database)) }

  /// Runs `body` in a transaction that is kept whole or not at all.
  func transaction<Result>(_ body: () throws(CatalogError) -> Result) throws(CatalogError) -> Result {
    try statement("BEGIN IMMEDIATE").run()
    do throws(CatalogError) {
      let result = try body()
      try statement("COMMIT").run()
      return result
    } catch {
      // A full disk makes SQLite roll back by itself. If this fails too, the next transaction can't
      // begin, and says so; the cause is what the caller needs to know.
      if sqlite3_get_autocommit(database) == 0 { try? statement("ROLLBACK").run() }
      throw error
    }
  }

  /// Counts commits; the one that this connection, which only reads, has been looking at the state after.
  /// nil: it looks at none now.
  private(set) var version: UInt64?

  /// Looks at the state after commit `version`, or a later one, from the next look-up to ``endReading()``.
  /// Each look-up by itself would take and drop SQLite's file locks: four system calls for some
  /// microseconds of work.
  func beginReading(_ version: UInt64) throws(CatalogError) {
    guard self.version != version else { return }
    try endReading()
    try statement("BEGIN").run()
    self.version = version
  }

  /// As long as a connection reads, the write-ahead log can't be emptied.
  func endReading() throws(CatalogError) {
    guard version != nil else { return }
    version = nil
    try statement("COMMIT").run()
  }

  // MARK: Write-ahead log

  /// Pages in the write-ahead log after the last commit on this connection; 0 before
  /// ``countLogPages()``.
  var writeAheadLogPages: Int { Int(logPages.pointee) }

  /// Begins to count. SQLite has one hook for this, and `PRAGMA wal_autocheckpoint` takes it away.
  func countLogPages() {
    sqlite3_wal_hook(
      database,
      { pages, _, _, count in
        pages?.assumingMemoryBound(to: Int32.self).pointee = count
        return SQLITE_OK
      }, logPages)
  }

  enum Checkpoint {
    /// Copies what no reader stands in the way of.
    case passive
    /// Waits for readers, copies everything and empties the log.
    case truncate
  }

  /// Copies the log into the database. Answers false when readers kept it from copying everything.
  func checkpoint(_ mode: Checkpoint) throws(CatalogError) -> Bool {
    var pages: Int32 = 0
    var copied: Int32 = 0
    let mode = mode == .passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE
    let result = sqlite3_wal_checkpoint_v2(database, nil, mode, &pages, &copied)
    if result & 0xff == SQLITE_BUSY { return false }
    guard result == SQLITE_OK else { throw CatalogError(sqlite: result, database, "checkpoint") }
    return pages == copied
  }
}
