import GRDB
import Records
import TestSupport
import Testing

@testable import Tracker

@Suite struct MetricStoreTests {
  private let bench = TrackerBench()

  /// What a history must be: all that was logged, in MLflow's order, each once.
  private func expected(_ points: [MetricPoint]) -> [MetricPoint] {
    var seen: Set<MetricPoint> = []
    return points.filter { seen.insert($0).inserted }.sorted { MetricPoint.isEarlier($0, $1) }
  }

  private func random(_ generator: inout SeededGenerator, around step: Int64) -> MetricPoint {
    MetricPoint(
      step: step + Int64.random(in: -2...2, using: &generator),
      timestamp: 1_790_000_000_000 + step * 100 + Int64.random(in: 0...300, using: &generator),
      value: Int.random(in: 0...50, using: &generator) == 0 ? .nan : Double.random(in: -1...1, using: &generator))
  }

  @Test(arguments: testSeeds())
  func `a history is what was logged, over segments and restarts`(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    var logged: [String: [MetricPoint]] = [:]
    var tracker = try bench.open()
    var project = try await tracker.project("p")
    let run = try await project.newRun()
    for round in 0..<120 {
      let key = ["often", "seldom", "rare"][
        min(Int.random(in: 0...9, using: &generator) / 5, 1) + (round % 20 == 0 ? 1 : 0)]
      let count = key == "often" ? Int.random(in: 1...1000, using: &generator) : 3
      var points = (0..<count).map { random(&generator, around: Int64(round * 1000 + $0)) }
      // A client that didn't hear an answer sends it again.
      if round % 7 == 0, let again = logged[key]?.suffix(10) { points += again }
      try await project.log(key, points, to: run)
      logged[key, default: []] += points
      if round % 17 == 16 {
        try tracker.close()
        tracker = try bench.open()
        project = try await tracker.project("p")
      }
    }
    for (key, points) in logged {
      let history = try await project.history(of: key, run: run).points
      #expect(history == expected(points), "\(key)")
      let value = try #require(try await project.run(run).metrics.first { $0.key == key }).point
      #expect(!points.contains { MetricPoint.isLater($0, than: value) })
    }
    #expect(logged["often"]!.count > MetricStore.segmentPoints)
    let segments = try await tracker.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM segment")! }
    #expect(segments > 0)
  }

  @Test func `pages of a history are its parts`() async throws {
    let project = try await bench.open().project("p")
    let run = try await project.newRun()
    let points = (0..<1000).map { MetricPoint(step: $0, timestamp: 5, value: Double($0)) }
    try await project.log("m", points.shuffled(), to: run)
    var read: [MetricPoint] = []
    var next: MetricPoint?
    repeat {
      let page = try await project.history(of: "m", run: run, after: next, limit: 300)
      #expect(page.points.count <= 300)
      read += page.points
      next = page.next
    } while next != nil
    #expect(read == points)
    #expect(try await project.history(of: "never", run: run).points.isEmpty)
  }

  @Test func `a view keeps the spikes of a long series, and its ends`() async throws {
    let project = try await bench.open().project("p")
    let run = try await project.newRun()
    let spike = 54_321
    for first in stride(from: 0, to: 100_000, by: 1000) {
      try await project.log(
        "m",
        (first..<(first + 1000)).map {
          MetricPoint(step: Int64($0), timestamp: Int64($0), value: $0 == spike ? 1000 : $0 == spike + 9 ? -1000 : 0.5)
        }, to: run)
    }
    let view = try await project.view(of: "m", run: run, most: 320)
    #expect(view.count <= 320 && view.count > 100)
    #expect(view.map(\.step) == view.map(\.step).sorted())
    #expect(view.contains { $0.value == 1000 && $0.step == spike } && view.contains { $0.value == -1000 })
    #expect(view.first?.step == 0 && view.last?.step == 99_999)
    let near = try await project.view(of: "m", run: run, steps: 54_300...54_399, most: 320)
    #expect(near.map(\.step) == Array(54_300...54_399))
  }

  @Test func `the tail is as long as it must be`() async throws {
    let tracker = try bench.open()
    let project = try await tracker.project("p")
    let run = try await project.newRun()
    // A series that is never long enough for a segment holds no more than so much of the tail.
    try await project.log("once", [MetricPoint(step: 0, timestamp: 0, value: 1)], to: run)
    for first in stride(from: 0, to: 600_000, by: 1000) {
      try await project.log(
        "m", (first..<(first + 1000)).map { MetricPoint(step: Int64($0), timestamp: 0, value: 0) }, to: run)
    }
    let rows = try await tracker.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM tail")! }
    #expect(rows < 500)
    #expect(try await project.history(of: "once", run: run).points.count == 1)
    let bytes = try await tracker.read {
      try Int.fetchOne($0, sql: "SELECT sum(length(points) + length(summary)) FROM segment")!
    }
    #expect(bytes < 590_000 * 11)
  }

  @Test func `short series of a run are written together, and are found again`() async throws {
    var tracker = try bench.open()
    var project = try await tracker.project("p")
    let run = try await project.newRun()
    let keys = (0..<500).map { "m\($0)" }
    let rounds: Int64 = 700
    for step in 0..<rounds {
      try await project.log(
        LogBatch(
          metrics: keys.map {
            LoggedMetric(key: $0, point: MetricPoint(step: step, timestamp: step, value: Double(step)))
          }), to: run)
    }
    let bundles = try await tracker.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM bundle")! }
    let segments = try await tracker.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM segment")! }
    #expect(bundles + segments > 0 && bundles + segments < 1200, "\(bundles) bundles, \(segments) segments")
    try tracker.close()
    tracker = try bench.open()
    project = try await tracker.project("p")
    for key in [keys[0], keys[250], keys[499]] {
      #expect(try await project.history(of: key, run: run).points.map(\.step) == Array(0..<rounds))
    }
  }

  @Test func `a bundle that takes in an older one says nothing of series whose points still wait`() async throws {
    var tracker = try bench.open()
    var project = try await tracker.project("p")
    func point(_ step: Int64) -> MetricPoint { MetricPoint(step: step, timestamp: step, value: 0) }
    func seal(_ keys: [String]) async throws {
      let row = try await tracker.runs(of: "j")
      let claims = try keys.map { key in
        let series = MetricStore.Series(run: row[0].id, key: try #require(tracker.keys.number(of: key)))
        let points = tracker.metrics.openPoints(of: series)
        return MetricStore.Claim(series: series, points: points, throughSequence: points.last!.step)
      }
      try await tracker.commits.write { [metrics = tracker.metrics] in try metrics.seal(claims, $0) }
      tracker.metrics.release(claims, areSealed: true)
    }
    let mine = try await project.newRun(job: "j")
    // Rows of the tail are numbered from 1, and each point here has its row's number for a step.
    try await project.log("waits", [point(1)], to: mine)
    try await project.log("goes", [point(2)], to: mine)
    try await seal(["waits", "goes"])
    try await project.log("waits", [point(3)], to: mine)
    try await project.log("goes", [point(4)], to: mine)
    try await project.log("goes", [point(5)], to: mine)
    try await seal(["goes"])
    #expect(try await tracker.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM bundle")! } == 1)
    try tracker.close()
    tracker = try bench.open()
    project = try await tracker.project("p")
    #expect(try await project.history(of: "waits", run: mine).points.map(\.step) == [1, 3])
    #expect(try await project.history(of: "goes", run: mine).points.map(\.step) == [2, 4, 5])
  }

  @Test func `thinned points are the lowest and the highest of each part`() {
    let points = (0..<10_000).map { MetricPoint(step: $0, timestamp: 0, value: Double(($0 * 7919) % 1000)) }
    let thin = MetricThinning.thin(points, to: 100)
    #expect(thin.count <= 100 && thin.first == points.first && thin.last == points.last)
    #expect(Set(thin).isSubset(of: Set(points)))
    #expect(MetricThinning.thin(points, to: 20_000) == points)
    let nothing = (0..<1000).map { MetricPoint(step: $0, timestamp: 0, value: .nan) }
    #expect(MetricThinning.summary(of: nothing).count == 9)
  }

  @Test func `a row of the tail is read as it was written, and anything else is refused`() {
    let entries = (0..<50).map {
      MetricTail.Entry(key: $0 * 3, point: MetricPoint(step: -$0, timestamp: .max - $0, value: Double($0) / 3))
    }
    let bytes = MetricTail.encode(run: 77, entries)
    let decoded = bytes.withUnsafeBytes { MetricTail.decode($0) }
    #expect(decoded?.run == 77 && decoded?.entries == entries)
    for length in 0..<bytes.count { #expect(bytes[..<length].withUnsafeBytes { MetricTail.decode($0) } == nil) }
    #expect([UInt8](repeating: 0xFF, count: 40).withUnsafeBytes { MetricTail.decode($0) } == nil)
  }
}
