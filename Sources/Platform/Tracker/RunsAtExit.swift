import GRDB
import Records

/// What becomes of the runs of a job's attempt when that has ended.
///
/// MLflow's client ends an open run when Python exits, as FINISHED, before anybody knows the exit code: an exception
/// that nobody catches looks to it like a success.
enum RunsAtExit {
  /// How long before its attempt's end a run is still taken for ended by the exit of its program: what follows the
  /// client's own handler is the interpreter's end, such as that of CUDA.
  static let exitMilliseconds: Int64 = 10_000

  /// The run of a failed attempt that its client has ended in passing, as its program went: the one that finished last,
  /// shortly before the attempt's end, with none started or ended after it.
  ///
  /// Where a run was left open, it is that one that the program was at, and those which have finished before are left
  /// as they are: a client's handler ends one run, and a program that is killed ends none.
  /// - Parameters:
  ///   - runs: those that the attempt's programs have made, in any order.
  ///   - time: the attempt's end, in milliseconds since 1970.
  static func endedByExit(_ runs: [Run], at time: Int64) -> Run? {
    guard runs.allSatisfy(\.status.isTerminal), let last = runs.max(by: { ($0.endTime ?? 0) < ($1.endTime ?? 0) }),
      last.status == .finished, let end = last.endTime, abs(time - end) <= exitMilliseconds
    else { return nil }
    let isLast = runs.allSatisfy { $0.id == last.id || ($0.startTime <= end && ($0.endTime ?? 0) < end) }
    return isLast ? last : nil
  }
}

extension Tracker {
  /// The tag by which runs are known that Cairn made of files, such as TensorBoard's: no client has ended them.
  public static let directoryTag = "cairn.tensorboard"

  /// Ends the runs that an attempt of a job has left open, and, where the attempt did not succeed, says the same of the
  /// one that its client ended in passing; that one keeps the time of its end. May be repeated.
  /// - Parameter time: the attempt's end, in milliseconds since 1970.
  /// - Returns: the identifiers of those that were changed.
  @discardableResult
  public func endRuns(of job: String, attempt: Int, as status: RunStatus, time: Int64) async throws -> [String] {
    try await commits.write { database in
      let runs = try Run.fetchAll(
        database,
        sql: """
          \(Run.selection) WHERE run.job = ? AND run.attempt = ? AND NOT EXISTS (
            SELECT 1 FROM tag JOIN key ON key.id = tag.key WHERE tag.run = run.id AND key.name = ?)
          """, arguments: [job, attempt, Self.directoryTag])
      var changed = try String.fetchAll(
        database,
        sql: """
          UPDATE run SET status = ?, endTime = ? WHERE job = ? AND attempt = ? AND status IN (1, 2)
          RETURNING identifier
          """, arguments: [status.rawValue, time, job, attempt])
      if status != .finished, let run = RunsAtExit.endedByExit(runs, at: time) {
        try database.execute(sql: "UPDATE run SET status = ? WHERE id = ?", arguments: [status.rawValue, run.id])
        changed.append(run.identifier)
      }
      return changed
    }
  }
}
