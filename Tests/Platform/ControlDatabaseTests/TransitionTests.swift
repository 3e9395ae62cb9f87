import GRDB
import JobStates
import NotebookStates
import Testing

@testable import ControlDatabase

/// What may happen to jobs, attempts and notebooks, walked in the database: all that the lists have, and nothing else.
struct TransitionTests {
  private struct Step: Hashable, CustomStringConvertible {
    var from: String
    var to: String
    var reason: String

    var description: String { "\(from) -> \(to) (\(reason))" }
  }

  /// Tries every change of a row's state by a plain statement.
  /// - Parameter place: the row, as the end of a statement.
  private func walk(
    _ table: String, where place: String, from first: String, states: [String], reasons: [String], legal: Set<Step>,
    in database: ControlDatabase
  ) async throws {
    let tried = try await database.write { database in
      func change(to state: String, _ reason: String) throws {
        try database.execute(
          sql: "UPDATE \(table) SET state = ?, reason = ? WHERE \(place)", arguments: [state, reason])
      }
      // A way to each state.
      var ways: [String: [Step]] = [first: []]
      while let step = legal.sorted(by: { "\($0)" < "\($1)" }).first(where: {
        ways[$0.from] != nil && ways[$0.to] == nil
      }) { ways[step.to] = ways[step.from]! + [step] }

      var accepted: Set<Step> = []
      var count = 0
      for (state, way) in ways {
        for next in states {
          for reason in reasons {
            try database.inSavepoint {
              for step in way { try change(to: step.to, step.reason) }
              let before = try Row.fetchOne(database, sql: "SELECT state, reason FROM \(table) WHERE \(place)")
              // Nothing would change.
              if before?["state"] == next, before?["reason"] == reason { return .rollback }
              count += 1
              do {
                try change(to: next, reason)
                accepted.insert(Step(from: state, to: next, reason: reason))
              } catch let error as DatabaseError {
                #expect(error.resultCode == .SQLITE_CONSTRAINT)
                #expect(try Row.fetchOne(database, sql: "SELECT state, reason FROM \(table) WHERE \(place)") == before)
              }
              return .rollback
            }
          }
        }
      }
      #expect(Set(ways.keys).isSubset(of: states))
      return (accepted: accepted, count: count)
    }
    #expect(tried.accepted.symmetricDifference(legal).isEmpty, "\(tried.accepted.symmetricDifference(legal))")
    #expect(tried.count > legal.count)
  }

  private let states = JobState.allCases.map(\.rawValue)
  private let reasons = JobReason.allCases.map(\.rawValue)

  private func steps(_ transitions: Set<JobTransition>) -> Set<Step> {
    Set(transitions.map { Step(from: $0.from.rawValue, to: $0.to.rawValue, reason: $0.reason.rawValue) })
  }

  @Test func `no statement can write a transition of a job that is not in the list`() async throws {
    try await withDatabase { database in
      let job = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"]))
      try await walk(
        "job", where: "id = '\(job.id)'", from: "queued", states: states, reasons: reasons,
        legal: steps(JobTransition.all), in: database)
      await #expect(throws: DatabaseError.self) {
        try await database.write { try $0.execute(sql: "UPDATE job SET state = 'succeeded', reason = 'exit_code'") }
      }
      #expect(try await database.job(job.id) == job)
    }
  }

  @Test func `no statement can write a transition of an attempt that is not in the list`() async throws {
    try await withDatabase { database in
      let job = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"]))
      _ = try await database.beginAttempt(of: job.id, gpus: [], bootID: "b")
      try await walk(
        "attempt", where: "job = '\(job.id)'", from: "starting", states: states, reasons: reasons,
        legal: steps(JobTransition.ofAttempts), in: database)
    }
  }

  @Test func `no statement can write a transition of a notebook that is not in the list`() async throws {
    try await withDatabase { database in
      let request = NotebookRequest(project: "p", image: "host", python: "python3")
      _ = try await database.addNotebook(request, id: Names.newIdentifier())
      let legal = NotebookTransition.all.map {
        Step(from: $0.from.rawValue, to: $0.to.rawValue, reason: $0.reason.rawValue)
      }
      try await walk(
        "notebook", where: "1", from: "starting", states: NotebookState.allCases.map(\.rawValue),
        reasons: NotebookReason.allCases.map(\.rawValue), legal: Set(legal), in: database)
    }
  }

  @Test func `a job, an attempt and a notebook begin at their beginning`() async throws {
    try await withDatabase { database in
      let job = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"]))
      for table in ["job", "attempt", "notebook"] {
        if table == "attempt" { _ = try await database.beginAttempt(of: job.id, gpus: [], bootID: "b") }
        if table == "notebook" {
          let request = NotebookRequest(project: "p", image: "host", python: "python3")
          _ = try await database.addNotebook(request, id: Names.newIdentifier())
        }
        let error = await #expect(throws: DatabaseError.self) {
          try await database.write { database in
            try database.execute(sql: "CREATE TEMP TABLE copy AS SELECT * FROM main.\(table) LIMIT 1")
            try database.execute(sql: "UPDATE copy SET state = 'running'")
            try database.execute(sql: "INSERT INTO main.\(table) SELECT * FROM copy")
          }
        }
        #expect(error?.message == "a new \(table) can't be in this state")
      }
    }
  }

  // MARK: By what the control plane does

  /// Something that happens to a job, in the control plane's own words.
  private enum Happening: Hashable {
    case begin
    case run
    case stop(JobReason)
    case preempt
    case refuse(JobReason)
    case end(JobState, JobReason, retry: Bool)

    static let all: [Happening] =
      [
        .begin, .run, .stop(.requested), .stop(.timeLimit), .preempt, .refuse(.dependencyFailed),
        .refuse(.groupIncomplete),
      ]
      + JobTransition.ofAttempts.filter { $0.to != .running && $0.to != .stopped && $0.to != .timedOut }
      .map { ($0.to, $0.reason) }.sorted { "\($0)" < "\($1)" }
      .map { Happening.end($0.0, $0.1, retry: false) }
      + [.end(.failed, .containerFailed, retry: true), .end(.failed, .exitCode, retry: true)]
  }

  private func carryOut(_ happening: Happening, on id: String, in database: ControlDatabase) async throws {
    let number = try await database.job(id).attempt
    let attempt = number > 0 ? try await database.attempt(number, of: id) : nil
    switch happening {
    case .begin: _ = try await database.beginAttempt(of: id, gpus: [], bootID: "b")
    case .run:
      if let attempt, !attempt.state.isTerminal { _ = try await database.attemptRuns(attempt, startedAt: 1) }
    case .stop(let reason):
      // Only what runs can run for too long.
      let state = try await database.job(id).state
      if reason == .timeLimit, state != .running { return }
      _ = try await database.stop(id, reason, graceSeconds: 0)
    case .preempt: try await database.preempt(id)
    case .refuse(let reason): try await database.refuse(id, reason, detail: "why")
    case .end(let state, let reason, let retry):
      guard let attempt else { return }
      do {
        _ = try await database.endAttempt(
          attempt, AttemptEnd(state, reason, time: 9), retry: retry, artifactsSealed: true)
      } catch is IllegalTransition {
        // It changed nothing.
        #expect(try await database.attempt(attempt.number, of: id) == attempt)
      }
    }
  }

  @Test func `the control plane makes every transition in the lists, tells each by one event, and makes no other`()
    async throws
  {
    try await withDatabase { database in
      var ways: [[Happening]] = [[]]
      var known: Set<String> = []
      var walked: Set<Step> = []
      var ofAttempts: Set<Step> = []
      while !ways.isEmpty {
        let way = ways.removeFirst()
        for happening in Happening.all {
          // Time-outs are tried again, so that somebody may stop what would be.
          var request = JobRequest(project: "p", image: "i", command: ["c"])
          request.retryPolicy = RetryPolicy(on: RetryPolicy.possible, delaySeconds: 0)
          let id = try await database.addJob(request).id
          for earlier in way { try await carryOut(earlier, on: id, in: database) }
          let before = try await database.job(id)
          let attempt = before.attempt > 0 ? try await database.attempt(before.attempt, of: id) : nil
          let events = try await database.events(after: 0, subject: id)
          try await carryOut(happening, on: id, in: database)
          let after = try await database.job(id)
          let news = try await database.events(after: events.last?.sequence ?? 0, subject: id)
          if (before.state, before.reason) == (after.state, after.reason) {
            #expect(news == [], "\(way) \(happening)")
          } else {
            let step = Step(from: before.state.rawValue, to: after.state.rawValue, reason: after.reason.rawValue)
            walked.insert(step)
            let told = news.map { Step(from: $0.from ?? "", to: $0.to ?? "", reason: $0.reason) }
            #expect(told == [step], "\(way) \(happening)")
          }
          let last = after.attempt > 0 ? try await database.attempt(after.attempt, of: id).state.rawValue : ""
          // What led to an end makes no difference to what can come after it.
          let place =
            after.state.isTerminal ? "\(after.state)" : "\(after.state) \(after.reason) \(after.attempt) \(last)"
          if after.attempt < 2, known.insert(place).inserted {
            ways.append(way + [happening])
          }
          if let attempt {
            let now = try await database.attempt(attempt.number, of: id)
            if now.state != attempt.state {
              ofAttempts.insert(
                Step(from: attempt.state.rawValue, to: now.state.rawValue, reason: now.reason.rawValue))
            }
          }
        }
      }
      let missing = steps(JobTransition.all).symmetricDifference(walked)
      #expect(missing.isEmpty, "\(missing)")
      let missingOfAttempts = steps(JobTransition.ofAttempts).symmetricDifference(ofAttempts)
      #expect(missingOfAttempts.isEmpty, "\(missingOfAttempts)")
    }
  }
}
