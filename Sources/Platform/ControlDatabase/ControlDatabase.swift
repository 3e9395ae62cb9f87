import GRDB
import Glibc
import Linux

/// The control plane's records, in one SQLite file that one process has open.
///
/// Every change is one transaction that appends to the events what it did; see the extensions, one for
/// each kind of record. Safe to use from any number of tasks.
public final class ControlDatabase: Sendable {
  let pool: DatabasePool
  private let changes = ChangeSignal()
  private let lock: Int32

  /// Opens the database at `path`, makes it if it is not there, and brings it to this version's form.
  /// - Throws: ``ControlError`` `conflict` where another process has it open, `unavailable` where it is of a
  ///   newer version of Cairn.
  public init(path: String) throws {
    let lockPath = path + ".lock"
    lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw SystemError("open", lockPath) }
    do {
      guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
        throw ControlError(
          .conflict, subject: path, "another cairnd has \(path) open; stop it, or give this one a directory of its own")
      }
      var configuration = Configuration()
      configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
      pool = try DatabasePool(path: path, configuration: configuration)
      if try pool.read(Migrations.all.hasBeenSuperseded) {
        throw ControlError(
          .unavailable, subject: path, "\(path) was written by a newer version of Cairn; install that version")
      }
      try Migrations.all.migrate(pool)
    } catch {
      close(lock)
      throw error
    }
  }

  deinit { close(lock) }

  /// Yields after every change, at least once for any number of them, and once at the beginning.
  public func watchChanges() -> AsyncStream<Void> { changes.subscribe() }

  /// Wakes who watches, for a change that is in no record.
  public func announceChange() { changes.notify() }

  func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await pool.read(body)
  }

  func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    let value = try await pool.write(body)
    changes.notify()
    return value
  }
}
