import FoundationEssentials
public import GRDB
import Linux
public import Scheduler

/// What something that is no job, such as a deployment's replica, holds of the host, or waits for.
public struct Claim: Sendable {
  /// For people as well, such as `replica digits/k3x9`. The space tells it from a job's.
  public let id: String
  public let need: ResourceNeed
  /// The UUIDs of its GPUs; nil: it waits.
  public let devices: [String]?
  /// Nanoseconds since 1970.
  public let createdAt: Int64
  public let heldAt: Int64?
}

extension Claim: FetchableRecord {
  public init(row: Row) throws {
    id = row["id"]
    let gpus: Int = row["gpus"]
    need = ResourceNeed(
      gpus: gpus > 0 ? .whole(gpus) : .none, milliCPUs: row["milliCPUs"], memoryBytes: row["memoryBytes"])
    devices = try (row["devices"] as String?).map { try JSONDecoder().decode([String].self, from: Data($0.utf8)) }
    createdAt = row["createdAt"]
    heldAt = row["heldAt"]
  }
}

extension ControlDatabase {
  /// Asks for a part of the host, unless that was done. Whoever hands out resources sees it.
  /// - Parameter gpus: whole ones.
  public func addClaim(_ id: String, gpus: Int, milliCPUs: Int, memoryBytes: Int) async throws {
    try await write { database in
      try database.execute(
        sql: """
          INSERT INTO claim (id, gpus, milliCPUs, memoryBytes, createdAt) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT DO NOTHING
          """, arguments: [id, gpus, milliCPUs, memoryBytes, nanosecondsNow()])
    }
  }

  /// The oldest first.
  public func claims() async throws -> [Claim] {
    try await read { try Claim.fetchAll($0, sql: "SELECT * FROM claim ORDER BY createdAt, id") }
  }

  /// nil: there is none of this name, or no longer.
  public func claim(_ id: String) async throws -> Claim? {
    try await read { try Claim.fetchOne($0, sql: "SELECT * FROM claim WHERE id = ?", arguments: [id]) }
  }

  /// Gives a claim these GPUs, and what else it asks for. One that was given up meanwhile gets nothing.
  /// - Throws: ``ControlError`` `conflict` where somebody has one of the GPUs.
  public func grantClaim(_ id: String, devices: [String]) async throws {
    try await write { database in
      let others = try Claim.fetchAll(database, sql: "SELECT * FROM claim WHERE id <> ?", arguments: [id])
      for device in devices {
        let isLeased = try Bool.fetchOne(
          database, sql: "SELECT EXISTS (SELECT 1 FROM gpuLease WHERE gpu = ?)", arguments: [device])
        if isLeased ?? false || others.contains(where: { $0.devices?.contains(device) ?? false }) {
          throw ControlError(.conflict, subject: device, "GPU \(device) is leased already")
        }
      }
      try database.execute(
        sql: "UPDATE claim SET devices = ?, heldAt = ? WHERE id = ? AND devices IS NULL",
        arguments: [try jsonColumn(devices), nanosecondsNow(), id])
    }
  }

  /// Gives back what a claim holds, and the claim. Does nothing where there is none.
  public func removeClaim(_ id: String) async throws {
    try await write { try $0.execute(sql: "DELETE FROM claim WHERE id = ?", arguments: [id]) }
  }
}
