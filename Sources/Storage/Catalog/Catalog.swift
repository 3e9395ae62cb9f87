import Linux
import Synchronization

/// What the store knows of volumes, files and chunks, in an SQLite database.
///
/// The file system keeps what changed in memory and hands it over in batches (``commit(_:)``); what
/// did not change it reads from here. A volume sees a stack of layers, called its chain and given
/// with the top first: of the rows for a key the one in the first layer that has any wins, and that
/// row may say that there is nothing. Look-ups answer nil then.
///
/// All methods are thread-safe. Those that read never wait for a commit. All of them block.
///
/// Exactly one connection ever writes *and checkpoints*. SQLite from 3.7.0 to 3.51.2, which includes
/// the one in Debian 12, can lose committed pages when one connection resets the write-ahead log
/// while another commits. So the readers are opened read-only, automatic checkpoints are off, and
/// no other process may open the file for writing while the daemon runs.
public final class Catalog: Sendable {
  public static let fileName = "catalog.db"

  // A connection is not thread-safe (`SQLITE_OPEN_NOMUTEX`). Why this class is Sendable all the same:
  // both fields are monitors, so the writer is only ever used within `withLock`, and a reader only
  // by the thread that took it out of the list, which puts it back when it has done with it. Neither
  // these nor their statements are kept by anyone: what `read` and `write` return are plain values.

  /// The connection that writes and checkpoints.
  let writer: Monitor<Connection>
  /// Connections that only read and that nobody uses now.
  private let readers: Monitor<[Connection]>
  /// Beginnings and ends of this process's commits: a reader whose state is not the last one looks again. Odd: one is
  /// under way.
  private let commits = Atomic<UInt64>(0)

  /// Opens the catalog in the store's directory, and makes it if there is none.
  ///
  /// - Parameter readers: How many threads may read at a time; others wait.
  public init(directory: String, readers: Int = 4) throws(CatalogError) {
    precondition(readers >= 1)
    let path = "\(directory)/\(Self.fileName)"
    // The writer comes first: it makes the file, and recovers the log after a crash.
    writer = Monitor(try Self.openWriter(path))
    var connections: [Connection] = []
    for _ in 0..<readers { connections.append(try Self.openReader(path)) }
    self.readers = Monitor(connections)
  }

  deinit {
    // The last connection that closes empties the log: that has to be the writer.
    readers.withLock { $0.removeAll() }
  }

  private static func openWriter(_ path: String) throws(CatalogError) -> Connection {
    let connection = try Connection(path: path, .readWrite)
    try connection.execute("PRAGMA page_size = 4096")
    let mode = try connection.text("PRAGMA journal_mode = WAL")
    guard mode == "wal" else {
      throw CatalogError(.failed, "open \(path)", "no write-ahead log is possible here, SQLite uses '\(mode)'")
    }
    // synchronous: a commit that returned survives a power cut. journal_size_limit: a log that one
    // large batch made grow gives its space back. The rest: a damaged file is met as an error early.
    try connection.execute(
      """
      PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;
      PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF
      """)
    connection.countLogPages()
    try Schema.prepare(connection, path: path)
    return connection
  }

  private static func openReader(_ path: String) throws(CatalogError) -> Connection {
    let connection = try Connection(path: path, .readOnly)
    try connection.execute(
      """
      PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048;
      PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF
      """)
    return connection
  }

  /// Runs `body` on a connection that only reads: on one state of the database, whatever is committed meanwhile.
  func read<Result>(_ body: (Connection) throws(CatalogError) -> Result) throws(CatalogError) -> Result {
    // Without a time limit the wait ends only with a connection.
    let connection = readers.wait { $0.popLast() }!
    defer {
      readers.withLock { $0.append(connection) }
      readers.wakeOne()
    }
    do throws(CatalogError) {
      try connection.beginReading(commits.load(ordering: .acquiring))
      let result = try body(connection)
      // There is a newer state now, or one to come, and the log must not grow for the sake of this one. Nor may a look at
      // what is just being committed be gone on with: it may have seen the state before, and somebody else the new one.
      let now = commits.load(ordering: .acquiring)
      if connection.version != now || now % 2 == 1 { try connection.endReading() }
      return result
    } catch {
      // SQLite may have ended the transaction by itself; then this fails too, and nothing is lost.
      try? connection.endReading()
      throw error
    }
  }

  /// Runs `body` in one transaction on the connection that writes. When it throws, nothing was kept.
  func write<Result>(_ body: (Connection) throws(CatalogError) -> Result) throws(CatalogError) -> Result {
    try writer.withLock { (connection) throws(CatalogError) in
      // Before the transaction, not after it: if this fails, it is true that nothing was kept.
      let pages = connection.writeAheadLogPages
      if pages >= Self.checkpointPages { try endIdleReading() }
      if pages >= 8 * Self.checkpointPages {
        // Each time the log was to be copied a reader still needed it, so it went on growing. Now
        // the readers are waited for, for a moment; if one takes longer, the next commit tries again.
        _ = try connection.checkpoint(.truncate)
      } else if pages >= Self.checkpointPages {
        _ = try connection.checkpoint(.passive)
      }
      // Before and after: between SQLite's commit and a count after it alone, a reader that looks anew would see the new
      // state, and after it one that goes on looking the old one.
      commits.wrappingAdd(1, ordering: .releasing)
      defer { commits.wrappingAdd(1, ordering: .releasing) }
      return try connection.transaction { () throws(CatalogError) in try body(connection) }
    }
  }

  /// So that the write-ahead log can be copied as far as no look-up under way needs it.
  private func endIdleReading() throws(CatalogError) {
    try readers.withLock { (connections) throws(CatalogError) in
      for connection in connections { try connection.endReading() }
    }
  }

  /// Pages of the write-ahead log at which it is copied into the database: 32 MiB.
  private static let checkpointPages = 8192

  /// Copies the whole write-ahead log into the database and empties it, unless a reader stands in
  /// the way for long. For quiet times: it is done anyway when the log is long, and at the end.
  public func checkpoint() throws(CatalogError) {
    try writer.withLock { (connection) throws(CatalogError) in
      try endIdleReading()
      _ = try connection.checkpoint(.truncate)
    }
  }
}
