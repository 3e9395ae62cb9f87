import GRDB
import JobStates
import NotebookStates

/// Has SQLite refuse every change of a state that the lists of transitions do not have, whatever writes it: a statement
/// that forgets to ask them changes nothing. The lists stay the only place that has them, as the triggers are made anew,
/// in memory, by each daemon.
enum TransitionGuard {
  private typealias Change = (from: String, to: String, reason: String)

  /// - Parameter database: the one connection that writes.
  static func install(in database: Database) throws {
    try watch(
      "job", JobTransition.all.map { ($0.from.rawValue, $0.to.rawValue, $0.reason.rawValue) },
      beginnings: [(JobState.queued.rawValue, JobReason.submitted.rawValue)], in: database)
    try watch(
      "attempt", JobTransition.ofAttempts.map { ($0.from.rawValue, $0.to.rawValue, $0.reason.rawValue) },
      beginnings: [(JobState.starting.rawValue, JobReason.resourcesLeased.rawValue)], in: database)
    try watch(
      "notebook", NotebookTransition.all.map { ($0.from.rawValue, $0.to.rawValue, $0.reason.rawValue) },
      beginnings: [
        (NotebookState.starting.rawValue, NotebookReason.created.rawValue),
        (NotebookState.stopped.rawValue, NotebookReason.forked.rawValue),
      ], in: database)
  }

  private static func watch(
    _ table: String, _ changes: [Change], beginnings: [(state: String, reason: String)], in database: Database
  ) throws {
    let first = beginnings.map { "('\($0.state)', '\($0.reason)')" }.joined(separator: ", ")
    try database.execute(
      sql: """
        CREATE TEMP TABLE \(table)Transition (
          "from" TEXT NOT NULL, "to" TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY ("from", "to", reason)
        ) STRICT, WITHOUT ROWID;

        CREATE TEMP TRIGGER \(table)Begins BEFORE INSERT ON main.\(table)
        WHEN (NEW.state, NEW.reason) NOT IN (VALUES \(first))
        BEGIN SELECT RAISE(ABORT, 'a new \(table) can''t be in this state'); END;

        CREATE TEMP TRIGGER \(table)Changes BEFORE UPDATE OF state, reason ON main.\(table)
        WHEN (NEW.state <> OLD.state OR NEW.reason <> OLD.reason)
          AND (OLD.state, NEW.state, NEW.reason) NOT IN (SELECT "from", "to", reason FROM \(table)Transition)
        BEGIN SELECT RAISE(ABORT, 'illegal transition of a \(table)'); END;
        """)
    for change in changes {
      try database.execute(
        sql: "INSERT INTO \(table)Transition VALUES (?, ?, ?)", arguments: [change.from, change.to, change.reason])
    }
  }
}
