public import GRDB
import Glibc
import Linux
import Synchronization

/// A SQLite file of records that one process has open at a time: a part of the control plane's state.
///
/// What is committed is on the disk (`synchronous = FULL`, in a write-ahead log). Safe to use from any number of tasks.
public final class RecordFile: Sendable {
  public let pool: DatabasePool
  /// The descriptor that keeps others away; nil: it is closed.
  private let lock: Mutex<Int32?>

  /// Opens the file at `path`, makes it if it is not there, and brings it to this version's form.
  /// - Throws: ``RecordFileError`` where another process has it open, or a newer version of Cairn wrote it.
  public init(path: String, migrator: DatabaseMigrator) throws {
    let lockPath = path + ".lock"
    let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError("open", lockPath) }
    lock = Mutex(descriptor)
    do {
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw RecordFileError.inUse(path: path) }
      var configuration = Configuration()
      configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
      pool = try DatabasePool(path: path, configuration: configuration)
      if try pool.read(migrator.hasBeenSuperseded) { throw RecordFileError.newer(path: path) }
      try migrator.migrate(pool)
    } catch {
      Self.unlock(lock)
      throw error
    }
  }

  deinit { Self.unlock(lock) }

  /// Returns when what is being written or read is done and the file is free for others. What is asked of it later fails,
  /// and so does this where somebody goes on reading: then nothing is closed.
  public func close() throws {
    try pool.close()
    Self.unlock(lock)
  }

  private static func unlock(_ lock: borrowing Mutex<Int32?>) {
    lock.withLock { descriptor in
      if let open = descriptor { Glibc.close(open) }
      descriptor = nil
    }
  }
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
