import ControlDatabase
import Linux
import Logging

/// The snapshots that workspaces are cloned from. A job, a notebook, an experiment, a run or a model version may name one;
/// when nothing does any more, it goes.
extension JobService {
  /// How long a snapshot that nothing has is left alone: whoever has sent it is about to say what for.
  private static let patience = Int64(3_600_000_000_000)
  private static let lookEvery = Duration.seconds(3600)
  private static let tryAgainAfter = Duration.seconds(10)

  /// Snapshots that the records of others name. To be called before ``run()``.
  /// - Parameter users: each tells those of its records.
  public func keepSnapshots(of users: [@Sendable () async throws -> Set<UInt32>]) { snapshotUsers += users }

  /// Something is gone that named this snapshot: so is the snapshot soon, if it was the last.
  public func release(snapshot: UInt32) async throws { try await database.retireSnapshots([snapshot]) }

  /// - Throws: `ControlError` `conflict` where it is being removed.
  public nonisolated func checkIsThere(snapshot: UInt32) async throws { try await database.checkSnapshot(snapshot) }

  /// Removes the volumes of retired snapshots, until it is cancelled. Which they are is in the database first.
  func removeSnapshots() async throws {
    for await _ in database.watchChanges() {
      do {
        let retired = try await database.retiredSnapshots()
        if retired.isEmpty { continue }
        for number in try await retired.subtracting(usedSnapshots()).sorted() {
          try await storage.removeSentWorkspace(number)
        }
        try await database.forgetRetiredSnapshots(retired)
      } catch {
        try Task.checkCancellation()
        logger.warning("a workspace's snapshot could not be removed; it will be tried again: \(error)")
        try await Task.sleep(for: Self.tryAgainAfter)
        database.announceChange()
      }
    }
  }

  /// Retires snapshots that were sent and that nothing names: the sender went away, or what named them was removed by
  /// others than a job's removal.
  func retireUnusedSnapshots() async throws {
    while true {
      do {
        let oldest = nanosecondsNow() - Self.patience
        let sent = try await storage.sentWorkspaces().filter { $0.value < oldest }
        if !sent.isEmpty { try await database.retireSnapshots(Set(sent.keys).subtracting(usedSnapshots())) }
      } catch {
        try Task.checkCancellation()
        logger.warning("workspaces' snapshots that nothing needs are not looked for now: \(error)")
      }
      try await Task.sleep(for: Self.lookEvery)
    }
  }

  private func usedSnapshots() async throws -> Set<UInt32> {
    var used: Set<UInt32> = []
    for user in snapshotUsers { used.formUnion(try await user()) }
    return used
  }
}
