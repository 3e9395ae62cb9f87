public import GRDB
import Glibc
import Linux

/// A SQLite file of records that one process has open at a time: a part of the control plane's state.
///
/// What is committed is on the disk (`synchronous = FULL`, in a write-ahead log). Safe to use from any number of tasks.
public final class RecordFile: Sendable {
  public let pool: DatabasePool
  private let lock: Int32

  /// Opens the file at `path`, makes it if it is not there, and brings it to this version's form.
  /// - Throws: ``RecordFileError`` where another process has it open, or a newer version of Cairn wrote it.
  public init(path: String, migrator: DatabaseMigrator) throws {
    let lockPath = path + ".lock"
    lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw SystemError("open", lockPath) }
    do {
      guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw RecordFileError.inUse(path: path) }
      var configuration = Configuration()
      configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
      pool = try DatabasePool(path: path, configuration: configuration)
      if try pool.read(migrator.hasBeenSuperseded) { throw RecordFileError.newer(path: path) }
      try migrator.migrate(pool)
    } catch {
      close(lock)
      throw error
    }
  }

  deinit { close(lock) }
}

/// Why a file of records can't be opened.
public enum RecordFileError: Error, Hashable, CustomStringConvertible, Sendable {
  case inUse(path: String)
  case newer(path: String)

  public var description: String {
    switch self {
    case .inUse(let path):
      "another cairnd has \(path) open; stop it, or give this one a directory of its own"
    case .newer(let path): "\(path) was written by a newer version of Cairn; install that version"
    }
  }
}
