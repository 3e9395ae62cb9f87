import GRDB
import Linux
public import Scheduler

extension ControlDatabase {
  /// What the projects have used, decayed until a time in nanoseconds since 1970, and may have. Of jobs that still run
  /// nothing is in it. Projects with neither are missing.
  public func projectAccounts(at now: Int64) async throws -> [String: ProjectAccount] {
    try await read { [usageHalfLife] database in
      var accounts: [String: ProjectAccount] = [:]
      for row in try Row.fetchAll(database, sql: "SELECT * FROM projectUsage") {
        let usage = Usage(row)
        let seconds = Double(now - row["time"]) / 1e9
        accounts[row["project"], default: ProjectAccount()].usage = usage.decayed(
          seconds: seconds, halfLife: usageHalfLife)
      }
      for row in try Row.fetchAll(database, sql: "SELECT * FROM projectQuota") {
        accounts[row["project"], default: ProjectAccount()].quota = ProjectQuota(row)
      }
      return accounts
    }
  }

  /// - Throws: ``ControlError`` `notFound`, or `invalid` for numbers below 0.
  public func setQuota(_ quota: ProjectQuota, of project: String) async throws {
    for (name, number) in [("gpus", quota.gpus), ("running", quota.running), ("queued", quota.queued)] {
      guard (0...1_000_000).contains(number ?? 0) else {
        throw ControlError(.invalid, subject: name, "a quota is a number from 0 to 1000000, or none at all")
      }
    }
    try await write { database in
      guard try Bool.fetchOne(database, sql: "SELECT 1 FROM project WHERE name = ?", arguments: [project]) != nil
      else {
        throw ControlError(
          .notFound, subject: project, "there is no project \(project); cairn project ls shows those there are")
      }
      try database.execute(
        sql: """
          INSERT INTO projectQuota (project, gpus, running, queued) VALUES (?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET gpus = excluded.gpus, running = excluded.running, queued = excluded.queued
          """, arguments: [project, quota.gpus, quota.running, quota.queued])
      try database.append(
        event: .project, subject: project, from: "present", to: "present", reason: "quota", detail: quota.sentence)
    }
  }
}

extension Database {
  /// Adds to its project's usage what an attempt that ends now has held.
  func charge(_ attempt: Attempt, of job: Job, halfLife: Double) throws {
    let now = nanosecondsNow()
    let row = try Row.fetchOne(self, sql: "SELECT * FROM projectUsage WHERE project = ?", arguments: [job.project])
    var usage = Usage()
    if let row { usage = Usage(row).decayed(seconds: Double(now - row["time"]) / 1e9, halfLife: halfLife) }
    usage += Usage(
      holding: job.request.need, seconds: Double(now - attempt.createdAt) / 1e9, halfLife: halfLife)
    try execute(
      sql: """
        INSERT INTO projectUsage (project, gpuSeconds, cpuSeconds, time) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
        SET gpuSeconds = excluded.gpuSeconds, cpuSeconds = excluded.cpuSeconds, time = excluded.time
        """, arguments: [job.project, usage.gpuSeconds, usage.cpuSeconds, now])
  }

  /// Refuses jobs that would make their project's queue longer than its quota.
  func checkQueueQuota(of project: String, adding count: Int) throws {
    let limit = try Int.fetchOne(self, sql: "SELECT queued FROM projectQuota WHERE project = ?", arguments: [project])
    guard let limit else { return }
    let queued =
      try Int.fetchOne(
        self, sql: "SELECT count(*) FROM job WHERE project = ? AND state = 'queued'", arguments: [project]) ?? 0
    guard queued + count <= limit else {
      throw ControlError(
        .conflict, subject: project,
        "project \(project) may have \(limit) jobs in the queue and has \(queued); wait until some have started, or"
          + " raise its quota: cairn project quota \(project) --queued N")
    }
  }
}

extension Usage {
  fileprivate init(_ row: Row) { self.init(gpuSeconds: row["gpuSeconds"], cpuSeconds: row["cpuSeconds"]) }
}

extension ProjectQuota {
  fileprivate init(_ row: Row) { self.init(gpus: row["gpus"], running: row["running"], queued: row["queued"]) }

  fileprivate var sentence: String {
    func text(_ number: Int?) -> String { number.map(String.init) ?? "any number" }
    return "GPUs: \(text(gpus)), running: \(text(running)), queued: \(text(queued))"
  }
}
