import GRDB
import Records
import Synchronization

/// The names of metrics, parameters and tags, which the records have as numbers. All of them are in memory; a name that
/// has a number keeps it for ever. Safe to use from any number of tasks.
final class KeyNames: Sendable {
  private struct State {
    var numbers: [String: Int64] = [:]
    var names: [Int64: String] = [:]
  }

  private let state = Mutex(State())
  private let commits: GroupCommit

  init(_ file: RecordFile, _ commits: GroupCommit) throws {
    self.commits = commits
    let rows = try file.pool.read { try Row.fetchAll($0, sql: "SELECT name, id FROM key") }
    add(rows.map { ($0["name"], $0["id"]) })
  }

  /// The numbers of `names`; those that are new get one, in a transaction of its own: a number must be on the disk
  /// before a record uses it, whatever becomes of the record.
  func numbers(of names: some Sequence<String>) async throws -> [String: Int64] {
    var found: [String: Int64] = [:]
    var missing: [String] = []
    state.withLock { state in
      for name in names where found[name] == nil {
        if let number = state.numbers[name] { found[name] = number } else { missing.append(name) }
      }
    }
    if missing.isEmpty { return found }
    let added = try await commits.write { [missing] database in
      try missing.map { name in
        try database.execute(sql: "INSERT INTO key (name) VALUES (?) ON CONFLICT DO NOTHING", arguments: [name])
        return (name, try Int64.fetchOne(database, sql: "SELECT id FROM key WHERE name = ?", arguments: [name])!)
      }
    } committed: { [weak self] pairs in
      self?.add(pairs)
    }
    for (name, number) in added { found[name] = number }
    return found
  }

  /// nil: nothing has this name.
  func number(of name: String) -> Int64? { state.withLock { $0.numbers[name] } }

  /// The name of a number that records have.
  func name(of number: Int64) -> String { state.withLock { $0.names[number] ?? "" } }

  private func add(_ pairs: [(String, Int64)]) {
    state.withLock { state in
      for (name, number) in pairs {
        state.numbers[name] = number
        state.names[number] = name
      }
    }
  }
}
