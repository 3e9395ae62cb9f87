import GRDB
import Records
import Synchronization

/// The control plane's records, in one SQLite file that one process has open.
///
/// Every change is one transaction that appends to the events what it did; see the extensions, one for
/// each kind of record. Safe to use from any number of tasks.
public final class ControlDatabase: Sendable {
  private let file: RecordFile
  private let changes = ChangeSignal()
  private let changeCount = Atomic(0)
  /// After so many seconds what a project has used counts half.
  public let usageHalfLife: Double

  /// Opens the database at `path`, makes it if it is not there, and brings it to this version's form.
  /// - Throws: ``RecordFileError`` where another process has it open, or a newer version of Cairn wrote it.
  public init(path: String, usageHalfLife: Double = 86_400) throws {
    self.usageHalfLife = usageHalfLife
    file = try RecordFile(path: path, migrator: Migrations.all)
    try file.pool.write { try TransitionGuard.install(in: $0) }
  }

  /// Yields after every change, at least once for any number of them, and once at the beginning.
  public func watchChanges() -> AsyncStream<Void> { changes.subscribe() }

  /// Grows with every change: what was read at one number is still so at the same number.
  public var revision: Int { changeCount.load(ordering: .acquiring) }

  /// Wakes who watches, for a change that is in no record.
  public func announceChange() { changes.notify() }

  func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await file.pool.read(body)
  }

  func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    let value = try await file.pool.write(body)
    changeCount.add(1, ordering: .acquiringAndReleasing)
    changes.notify()
    return value
  }
}
