import GRDB
import Synchronization
import TestSupport
import Testing

@testable import Records

@Suite struct GroupCommitTests {
  private struct Refusal: Error, Equatable {}

  private func withFile(_ body: (RecordFile, GroupCommit) async throws -> Void) async throws {
    let scratch = TemporaryDirectory()
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { try $0.execute(sql: "CREATE TABLE entry (number INTEGER PRIMARY KEY)") }
    let file = try RecordFile(path: scratch.path + "/records.db", migrator: migrator)
    try await body(file, GroupCommit(file))
  }

  @Test func `a change that fails leaves nothing behind and those beside it alone`() async throws {
    try await withFile { file, commits in
      let kept = await withTaskGroup(of: Int?.self) { group in
        for number in 0..<500 {
          group.addTask {
            do {
              return try await commits.write { database in
                try database.execute(sql: "INSERT INTO entry VALUES (?)", arguments: [number])
                if number % 3 == 0 { throw Refusal() }
                return number
              }
            } catch {
              #expect(error is Refusal)
              return nil
            }
          }
        }
        return await group.reduce(into: Set<Int>()) { if let number = $1 { $0.insert(number) } }
      }
      let there = try await file.pool.read { try Int.fetchSet($0, sql: "SELECT number FROM entry") }
      #expect(there == kept && there == Set((0..<500).filter { $0 % 3 != 0 }))
    }
  }

  @Test func `what is done after a commit is done before its writer goes on`() async throws {
    try await withFile { _, commits in
      let seen = Mutex<[Int]>([])
      for number in 0..<20 {
        _ = try await commits.write { _ in
          number
        } committed: { number in
          seen.withLock { $0.append(number) }
        }
        #expect(seen.withLock { $0.last } == number)
      }
    }
  }

  @Test func `a second process is kept out`() async throws {
    try await withFile { file, _ in
      let path = file.pool.path
      #expect(throws: RecordFileError.inUse(path: path)) { try RecordFile(path: path, migrator: DatabaseMigrator()) }
    }
  }
}
