import TestSupport
import Testing

@testable import Tracker

/// The searches that SQLite makes, beside the same ones made by hand.
@Suite struct RunSearchTests {
  private let bench = TrackerBench()

  private struct Known {
    var identifier: String
    var name: String
    var start: Int64
    var metrics: [String: Double]
    var parameters: [String: String]
    var tags: [String: String]
  }

  private func make(_ project: ProjectTracker, _ generator: inout SeededGenerator) async throws -> [Known] {
    var runs: [Known] = []
    for number in 0..<60 {
      var known = Known(
        identifier: "", name: "run\(number)", start: Int64.random(in: 0...20, using: &generator), metrics: [:],
        parameters: [:], tags: [:])
      for key in ["a", "b"] where Bool.random(using: &generator) {
        known.metrics[key] = [0, 1, 2.5, -3, .nan, .infinity].randomElement(using: &generator)!
      }
      for key in ["p", "q"] where Bool.random(using: &generator) {
        known.parameters[key] = ["x", "X", "xyz", "50%", "a*b", "[c]", ""].randomElement(using: &generator)!
      }
      if Bool.random(using: &generator) { known.tags["t"] = ["red", "Red", "blue"].randomElement(using: &generator)! }
      known.identifier = try await project.createRun(
        NewRun(
          experiment: 0, name: known.name, user: nil, startTime: known.start,
          tags: known.tags.map { KeyValue($0, $1) }, job: nil, attempt: nil)
      ).run.identifier
      try await project.log(
        LogBatch(
          metrics: known.metrics.map {
            LoggedMetric(key: $0, point: MetricPoint(step: 0, timestamp: 0, value: $1))
          }, parameters: known.parameters.map { KeyValue($0, $1) }), to: known.identifier)
      runs.append(known)
    }
    return runs
  }

  private typealias Case = (text: String, holds: (Known) -> Bool)

  private let cases: [Case] = [
    ("metrics.a > 0", { ($0.metrics["a"] ?? .nan) > 0 }),
    ("metrics.a != 1", { $0.metrics["a"].map { $0 != 1 } ?? false }),
    ("metrics.a <= 2.5", { ($0.metrics["a"] ?? .nan) <= 2.5 }),
    ("params.p = 'x'", { $0.parameters["p"] == "x" }),
    ("params.p != 'x'", { $0.parameters["p"].map { $0 != "x" } ?? false }),
    ("params.p LIKE 'x%'", { $0.parameters["p"]?.hasPrefix("x") ?? false }),
    ("params.p ILIKE 'x%'", { $0.parameters["p"]?.lowercased().hasPrefix("x") ?? false }),
    ("params.p LIKE '%*%'", { $0.parameters["p"]?.contains("*") ?? false }),
    ("params.p LIKE '[c]'", { $0.parameters["p"] == "[c]" }),
    ("params.p LIKE '_'", { $0.parameters["p"]?.count == 1 }),
    ("tags.t IS NULL", { $0.tags["t"] == nil }),
    ("tags.t IS NOT NULL", { $0.tags["t"] != nil }),
    ("params.never = 'x'", { _ in false }),
    ("params.never IS NULL", { _ in true }),
    ("start_time >= 10", { $0.start >= 10 }),
    ("run_name = 'run7'", { $0.name == "run7" }),
    ("tags.t = 'x' AND tags.t = '; DROP TABLE run; --'", { _ in false }),
  ]

  @Test(arguments: testSeeds())
  func `filters find what they say, page by page`(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    let project = try await bench.open().project("p")
    let runs = try await make(project, &generator)
    for _ in 0..<60 {
      let chosen = (0..<Int.random(in: 0...3, using: &generator)).map { _ in cases.randomElement(using: &generator)! }
      let text = chosen.map(\.text).joined(separator: " AND ")
      let order = ["metrics.a", "metrics.b DESC", "params.p DESC", "tags.t", "start_time", "run_name DESC"]
        .shuffled(using: &generator).prefix(Int.random(in: 0...3, using: &generator))
      let filter = try SearchFilter(text, for: .runs)
      let wanted = runs.filter { run in chosen.allSatisfy { $0.holds(run) } }
      let whole = try await project.searchRuns(in: [0], filter, SearchOrder(Array(order), for: .runs), limit: 1000)
      #expect(Set(whole.records.map(\.run.identifier)) == Set(wanted.map(\.identifier)), "\(text)")
      var paged: [String] = []
      var token: PageToken?
      repeat {
        let page = try await project.searchRuns(
          in: [0], filter, SearchOrder(Array(order), for: .runs), after: token,
          limit: Int.random(in: 1...20, using: &generator))
        paged += page.records.map(\.run.identifier)
        // As a client hands it back.
        token = try page.next.flatMap { try PageToken($0.text) }
      } while token != nil
      #expect(paged == whole.records.map(\.run.identifier), "\(text) ORDER BY \(order)")
    }
  }

  @Test func `numbers come first, then NaN, then runs without the metric, in either direction`() async throws {
    let project = try await bench.open().project("p")
    for (name, value) in [("two", 2.0), ("nan", .nan), ("one", 1.0), ("none", nil), ("inf", .infinity)]
      as [(String, Double?)]
    {
      let run = try await project.newRun(name: name)
      if let value { try await project.log("m", [MetricPoint(step: 0, timestamp: 0, value: value)], to: run) }
    }
    for (order, wanted) in [
      ("metrics.m", ["one", "two", "inf", "nan", "none"]), ("metrics.m DESC", ["inf", "two", "one", "nan", "none"]),
    ] {
      let page = try await project.searchRuns(
        in: [0], SearchFilter("", for: .runs), SearchOrder([order], for: .runs), limit: 10)
      #expect(page.records.map(\.run.name) == wanted)
    }
  }

  @Test func `a page holds no more than an answer has room for, and the next one goes on`() async throws {
    let project = try await bench.open().project("p")
    var runs: Set<String> = []
    for _ in 0..<5 {
      let run = try await project.newRun()
      runs.insert(run)
      let point = MetricPoint(step: 0, timestamp: 0, value: 0)
      try await project.log(LogBatch(metrics: (0..<9).map { LoggedMetric(key: "m\($0)", point: point) }), to: run)
    }
    let everything = SearchFilter.everything(.runs)
    var sizes: [Int] = []
    var token: PageToken?
    repeat {
      let page = try await project.searchRuns(
        in: [0], everything.filter, everything.order, after: token, limit: 1000, mostMetrics: 20)
      sizes.append(page.records.count)
      for record in page.records { runs.remove(record.run.identifier) }
      token = page.next
    } while token != nil
    #expect(sizes == [2, 2, 1] && runs.isEmpty)
  }

  @Test func `a page token of another search, or of nobody, is refused`() async throws {
    let project = try await bench.open().project("p")
    for _ in 0..<3 { _ = try await project.newRun() }
    let everything = SearchFilter.everything(.runs)
    let page = try await project.searchRuns(in: [0], everything.filter, everything.order, limit: 1)
    let token = try #require(page.next)
    await #expect(throws: FilterError.self) {
      try await project.searchRuns(
        in: [0], everything.filter, SearchOrder(["metrics.m"], for: .runs), after: token, limit: 1)
    }
    for text in ["nonsense", "bm9uc2Vuc2U=", "W3t9XQ==", "eyJvZmZzZXQiOjF9"] {
      #expect(throws: FilterError.self) { try PageToken(text) }
    }
    #expect(try PageToken("") == nil)
  }

  @Test func `datasets are searched by name, digest and context`() async throws {
    let project = try await bench.open().project("p")
    let run = try await project.newRun(name: "given")
    _ = try await project.newRun(name: "other")
    let dataset = Dataset(name: "numbers", digest: "abc", sourceType: "http", source: "{}", schema: "", profile: "")
    try await project.logInputs(
      [DatasetInput(dataset: dataset, tags: [KeyValue("mlflow.data.context", "train")])], models: [], to: run)
    for (text, isFound) in [
      ("dataset.name = 'numbers'", true), ("datasets.digest = 'abc' AND dataset.context = 'train'", true),
      ("dataset.context = 'eval'", false), ("dataset.name IN ('x', 'numbers')", true),
    ] {
      let page = try await project.searchRuns(
        in: [0], SearchFilter(text, for: .runs), SearchOrder([], for: .runs), limit: 10)
      #expect(page.records.map(\.run.name) == (isFound ? ["given"] : []), "\(text)")
    }
    #expect(try await project.datasets(of: [0]).map(\.context) == ["train"])
  }
}
