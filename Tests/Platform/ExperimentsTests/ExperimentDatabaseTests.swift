import ControlDatabase
import ExperimentFiles
import ExperimentStates
import Foundation
import GRDB
import Searchers
import Testing

@testable import Experiments

struct ExperimentDatabaseTests {
  private static let text = """
    command: [train, "${args}"]
    metric: loss
    searcher: {type: asha, max_time: 9, divisor: 3}
    max_trials: 6
    max_concurrent: 3
    seed: 4
    parameters: {lr: {min: 0.0, max: 1}}
    """

  private func withDatabase(_ body: (ExperimentDatabase, String) async throws -> Void) async throws {
    let directory = NSTemporaryDirectory() + "/cairn-experiments.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/experiments.db"
    try await body(try ExperimentDatabase(path: path), path)
  }

  private func experiment(_ id: String) throws -> Experiment {
    Experiment(
      id: id, name: "n", project: "p", text: Self.text, file: try ExperimentFile(parsing: Self.text, seed: 0),
      workspaceSnapshot: 3, git: nil, models: ["m@best": MountedModel(name: "m", version: 2, path: "models/p/m/2")],
      searcherVersion: Searcher.version, state: .running, detail: nil, restarts: 0, subnet: nil, createdAt: 1,
      endedAt: nil)
  }

  @Test func `a searcher that is made from the log goes on as the one that made it`() async throws {
    try await withDatabase { database, _ in
      try await database.add(try experiment("e"))
      let stored = try await database.experiment("e")
      #expect(stored == (try experiment("e")))
      guard case .sweep(let sweep) = stored.file.work else { return }
      var searcher = Searcher(sweep.search)
      var events: [SearchEvent] = [.started]
      for trial in 0..<3 {
        events.append(
          .reported(trial: trial, (1...4).map { Report(time: $0, value: trial == 1 ? nil : Double(trial) / 3) }))
      }
      events += [.ended(trial: 1, .stopped), .ended(trial: 0, .succeeded)]
      for event in events { try await database.record(event, searcher.handle(event), of: "e") }

      var again = Searcher(sweep.search)
      let log = try await database.searchLog(of: "e")
      #expect(log.map(\.event) == events)
      #expect(log.map(\.number) == Array(1...events.count))
      for record in log {
        let decisions = again.handle(record.event)
        #expect(decisions == record.decisions)
      }
      let next = SearchEvent.ended(trial: 2, .succeeded)
      let (one, other) = (searcher.handle(next), again.handle(next))
      #expect(one == other)

      // What was decided is in the records, with names for jobs that are still to come.
      let trials = try await database.trials(of: "e")
      #expect(trials.map(\.number) == Array(0..<trials.count))
      #expect(Set(trials.map(\.job)).count == trials.count)
      #expect(trials.allSatisfy { !$0.isSubmitted && $0.outcome == nil })
      #expect(trials[1].stop == .unpromising)
    }
  }

  @Test func `what an earlier version wrote has no models and the first searchers`() async throws {
    try await withDatabase { database, _ in
      try await database.add(try experiment("e"))
      // As the columns are in a row that was there before them.
      try await database.write { try $0.execute(sql: "UPDATE experiment SET models = NULL, searcherVersion = NULL") }
      let stored = try await database.experiment("e")
      #expect(stored.models == nil && stored.searcherVersion == nil)
      #expect(throws: Never.self) { try SweepDriver.checkVersion(of: stored) }
    }
  }

  @Test func `a sweep that other searchers began is not gone on with`() async throws {
    try await withDatabase { database, _ in
      try await database.add(try experiment("e"))
      #expect(throws: Never.self) { try SweepDriver.checkVersion(of: try experiment("e")) }
      try await database.write { try $0.execute(sql: "UPDATE experiment SET searcherVersion = 1000") }
      let other = try await database.experiment("e")
      let error = #expect(throws: SweepDriver.VersionError.self) { try SweepDriver.checkVersion(of: other) }
      #expect(error?.description.contains("version 1000 of Cairn's searchers") == true)
      #expect(error?.description.contains("run its file again") == true)
    }
  }

  @Test func `an experiment that has ended stays as it is`() async throws {
    try await withDatabase { database, _ in
      try await database.add(try experiment("e"))
      try await database.end("e", as: .failed, detail: "first")
      try await database.end("e", as: .succeeded, detail: "second")
      let stopped = try await database.requestStop("e")
      #expect(stopped.state == .failed)
      #expect(stopped.detail == "first")
      #expect(try await database.unfinishedExperiments().isEmpty)
    }
  }

  @Test func `an experiment is found by identifier, by its beginning, and by name`() async throws {
    try await withDatabase { database, _ in
      try await database.add(try experiment("abc"))
      try await database.add(try experiment("abd"))
      #expect(try await database.experiments(matching: "abc").map(\.id) == ["abc"])
      #expect(try await database.experiments(matching: "ab").map(\.id) == ["abd", "abc"])
      #expect(try await database.experiments(matching: "n").map(\.id) == ["abd", "abc"])
      #expect(try await database.experiments(matching: "%").isEmpty)
      await #expect(throws: ControlError.self) { try await database.experiment("x") }
    }
  }

  @Test func `removing an experiment removes what belongs to it`() async throws {
    try await withDatabase { database, _ in
      try await database.add(try experiment("e"))
      try await database.record(
        .started, [.create(trial: 0, parameters: [], origin: nil), .stop(trial: 0, .maxTime)], of: "e")
      #expect(try await database.trials(of: "e").first?.stop == .maxTime)
      try await database.remove("e")
      #expect(try await database.trials(of: "e").isEmpty)
      #expect(try await database.searchLog(of: "e").isEmpty)
    }
  }
}
