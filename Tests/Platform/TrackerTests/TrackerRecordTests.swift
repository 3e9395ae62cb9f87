import Records
import Testing

@testable import Tracker

@Suite struct TrackerRecordTests {
  private let bench = TrackerBench()

  private func refusal(_ body: () async throws -> some Sendable) async -> TrackerError.Code? {
    do {
      _ = try await body()
      return nil
    } catch {
      return (error as? TrackerError)?.code
    }
  }

  @Test func `a project sees its own records only`() async throws {
    let tracker = try bench.open()
    let one = try await tracker.project("one")
    let other = try await tracker.project("other")
    let number = try await one.createExperiment("vision", location: nil, tags: [KeyValue("a", "b")])
    #expect(number == 1)
    #expect(try await one.experiment(0).name == "Default")
    let run = try await one.newRun(number)
    #expect(await refusal { try await other.experiment(number) } == .resourceDoesNotExist)
    #expect(await refusal { try await other.run(run) } == .resourceDoesNotExist)
    #expect(await refusal { try await other.log("x", [MetricPoint(step: 0, timestamp: 0, value: 0)], to: run) } != nil)
    let all = SearchFilter.everything(.runs)
    let page = try await other.searchRuns(in: [0, number], all.filter, all.order, limit: 10)
    #expect(page.records.isEmpty)
    // Each project counts for itself.
    #expect(try await other.createExperiment("vision", location: nil, tags: []) == 1)
  }

  @Test func `an experiment that was deleted keeps its name and its number, and comes back with its runs`() async throws
  {
    let project = try await bench.open().project("p")
    let number = try await project.createExperiment("a", location: nil, tags: [])
    let run = try await project.newRun(number)
    try await project.deleteExperiment(number)
    #expect(try await project.run(run).run.stage == .deleted)
    #expect(await refusal { try await project.newRun(number) } == .invalidParameterValue)
    #expect(
      await refusal { try await project.createExperiment("a", location: nil, tags: []) } == .resourceAlreadyExists)
    #expect(await refusal { try await project.deleteExperiment(number) } == .resourceDoesNotExist)
    try await project.restoreExperiment(number)
    #expect(try await project.run(run).run.stage == .active)
    try await project.renameExperiment(number, to: "b")
    #expect(try await project.createExperiment("a", location: nil, tags: []) == number + 1)
    #expect(await refusal { try await project.renameExperiment(number, to: "a") } == .resourceAlreadyExists)
  }

  @Test func `a batch is logged whole or not at all, and once though it is sent twice`() async throws {
    let project = try await bench.open().project("p")
    let run = try await project.newRun()
    let batch = LogBatch(
      metrics: [LoggedMetric(key: "loss", point: MetricPoint(step: 1, timestamp: 5, value: 0.5))],
      parameters: [KeyValue("lr", "0.1")], tags: [KeyValue("note", "x")])
    try await project.log(batch, to: run)
    try await project.log(batch, to: run)
    var bad = batch
    bad.metrics[0].point.step = 2
    bad.tags[0].value = "y"
    bad.parameters[0].value = "0.2"
    #expect(await refusal { try await project.log(bad, to: run) } == .invalidParameterValue)
    let logged = try await project.run(run)
    #expect(logged.parameters == [KeyValue("lr", "0.1")])
    #expect(logged.tags.contains(KeyValue("note", "x")))
    #expect(try await project.history(of: "loss", run: run).points.map(\.step) == [1])
  }

  @Test func `the value of a metric is that of its highest step, whenever it came`() async throws {
    let project = try await bench.open().project("p")
    let run = try await project.newRun()
    for (step, value) in [(3, 0.3), (1, 0.1), (2, 0.2)] {
      try await project.log("m", [MetricPoint(step: Int64(step), timestamp: Int64(10 - step), value: value)], to: run)
    }
    #expect(try await project.run(run).metrics.map(\.point.value) == [0.3])
    try await project.log("m", [MetricPoint(step: 3, timestamp: 7, value: .nan)], to: run)
    #expect(try await project.run(run).metrics[0].point.value.isNaN)
  }

  @Test func `a name is a tag as well, whichever was written`() async throws {
    let project = try await bench.open().project("p")
    let run = try await project.newRun(name: "first")
    #expect(try await project.run(run).tags.contains(KeyValue("mlflow.runName", "first")))
    try await project.log(LogBatch(tags: [KeyValue("mlflow.runName", "second")]), to: run)
    #expect(try await project.run(run).run.name == "second")
    _ = try await project.updateRun(run, name: "third")
    #expect(try await project.run(run).tags.contains(KeyValue("mlflow.runName", "third")))
    let unnamed = try await project.newRun()
    #expect(try await !project.run(unnamed).run.name.isEmpty)
  }

  @Test func `a job's end closes the runs that it left open and no others`() async throws {
    let tracker = try bench.open()
    let project = try await tracker.project("p")
    let open = try await project.newRun(job: "j1")
    let done = try await project.newRun(job: "j1")
    _ = try await project.updateRun(done, status: .finished, endTime: 5)
    let other = try await project.newRun(job: "j2")
    #expect(try await tracker.endRuns(of: "j1", attempt: 1, as: .failed, time: 9) == [open])
    #expect(try await tracker.endRuns(of: "j1", attempt: 1, as: .killed, time: 10) == [])
    #expect(try await project.run(open).run.status == .failed)
    #expect(try await project.run(open).run.endTime == 9)
    #expect(try await project.run(done).run.endTime == 5)
    #expect(try await project.run(other).run.status == .running)
    #expect(try await tracker.runs(of: "j1").map(\.identifier).sorted() == [open, done].sorted())
  }

  @Test func `all is there after closing and opening`() async throws {
    let tracker = try bench.open()
    let before = try await tracker.project("p")
    let run = try await before.newRun(tags: [KeyValue("k", "v")])
    try await before.log(
      LogBatch(
        metrics: [LoggedMetric(key: "m", point: MetricPoint(step: 1, timestamp: 2, value: 3))],
        parameters: [KeyValue("p", "1")]), to: run)
    #expect(throws: RecordFileError.self) { try bench.open() }
    // What is under way is done first.
    async let late: Void = before.log("m", [MetricPoint(step: 0, timestamp: 1, value: 2)], to: run)
    try tracker.close()
    let isLate = (try? await late) != nil
    await #expect(throws: (any Error).self) { try await before.run(run) }
    let project = try await bench.open().project("p")
    let logged = try await project.run(run)
    #expect(logged.parameters == [KeyValue("p", "1")] && logged.tags.contains(KeyValue("k", "v")))
    let points = try await project.history(of: "m", run: run).points
    #expect(points.last == MetricPoint(step: 1, timestamp: 2, value: 3))
    // What was acknowledged is there.
    #expect(points.count == (isLate ? 2 : 1), "\(points)")
  }
}

extension SearchFilter {
  static func everything(_ subject: SearchSubject) -> (filter: SearchFilter, order: SearchOrder) {
    do {
      return (try SearchFilter("", for: subject), try SearchOrder([], for: subject))
    } catch {
      fatalError("an empty filter is one")
    }
  }
}
