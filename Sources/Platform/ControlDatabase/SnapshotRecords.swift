import GRDB

/// The snapshots that workspaces are cloned from: each is there as long as something that was made from it is.
extension ControlDatabase {
  /// Those whose volumes are to be removed.
  public func retiredSnapshots() async throws -> Set<UInt32> {
    try await read { try UInt32.fetchSet($0, sql: "SELECT volume FROM retiredSnapshot") }
  }

  /// Notes of those of these snapshots that no job and no notebook has that their volumes are to be removed. From then on
  /// no job can be made from them.
  public func retireSnapshots(_ numbers: some Sequence<UInt32> & Sendable) async throws {
    try await write { database in
      for number in numbers { try database.retireSnapshot(number) }
    }
  }

  /// - Throws: ``ControlError`` `conflict` for one that is being removed.
  public func checkSnapshot(_ number: UInt32) async throws { try await read { try $0.checkSnapshot(number) } }

  /// Their volumes are gone, or something else needs them.
  public func forgetRetiredSnapshots(_ numbers: some Sequence<UInt32> & Sendable) async throws {
    try await write { database in
      for number in numbers {
        try database.execute(sql: "DELETE FROM retiredSnapshot WHERE volume = ?", arguments: [number])
      }
    }
  }
}

extension Database {
  func retireSnapshot(_ number: UInt32?) throws {
    guard let number else { return }
    try execute(
      sql: """
        INSERT INTO retiredSnapshot (volume) SELECT :number
        WHERE NOT EXISTS (SELECT 1 FROM job WHERE request ->> '$.workspaceSnapshot' = :number)
          AND NOT EXISTS (SELECT 1 FROM notebook WHERE request ->> '$.workspaceSnapshot' = :number)
        ON CONFLICT DO NOTHING
        """, arguments: ["number": number])
  }

  /// - Throws: ``ControlError`` `conflict` for one that is being removed.
  func checkSnapshot(_ number: UInt32?) throws {
    guard let number else { return }
    let isRetired = try Bool.fetchOne(
      self, sql: "SELECT EXISTS (SELECT 1 FROM retiredSnapshot WHERE volume = ?)", arguments: [number])
    guard isRetired == true else { return }
    throw ControlError(
      .conflict, subject: "\(number)",
      "snapshot \(number) is being removed, because the last job that was made from it was; send the workspace again")
  }
}
