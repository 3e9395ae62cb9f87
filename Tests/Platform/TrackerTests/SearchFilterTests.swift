import Testing

@testable import Tracker

@Suite struct SearchFilterTests {
  private typealias Comparison = SearchFilter.Comparison

  private func comparisons(
    _ text: String, _ subject: SearchSubject = .runs
  ) throws(FilterError) -> [SearchFilter.Comparison] {
    try SearchFilter(text, for: subject).comparisons
  }

  @Test func `an empty filter holds for everything`() throws {
    #expect(try comparisons("") == [])
    #expect(try comparisons("  \n") == [])
  }

  @Test(
    arguments: [
      ("metrics.loss < 0.5", .metric, "loss", .number(.less, 0.5)),
      ("metric.loss>=-1e-3", .metric, "loss", .number(.greaterOrEqual, -0.001)),
      ("metrics.`val/top 1` != .5", .metric, "val/top 1", .number(.notEqual, 0.5)),
      ("metrics.val/loss.mean = 2", .metric, "val/loss.mean", .number(.equal, 2)),
      ("metrics.2 = 2", .metric, "2", .number(.equal, 2)),
      ("params.lr = '0.1'", .parameter, "lr", .text(.equal, "0.1")),
      ("parameters.\"learning rate\" != \"it's\"", .parameter, "learning rate", .text(.notEqual, "it's")),
      ("param.a LIKE '%x_'", .parameter, "a", .text(.like, "%x_")),
      ("tags.`mlflow.source.name` ilike 'Train%'", .tag, "mlflow.source.name", .text(.caseInsensitiveLike, "Train%")),
      ("tag.x IS NULL", .tag, "x", .isNull),
      ("params.x is not null", .parameter, "x", .isNotNull),
      ("status = 'RUNNING'", .attribute, "status", .text(.equal, "RUNNING")),
      ("attribute.Created > 5", .attribute, "start_time", .number(.greater, 5)),
      ("run.`run name` = 'a'", .attribute, "run_name", .text(.equal, "a")),
      ("run_id IN ('a','b')", .attribute, "run_id", .among(["a", "b"], isNegated: false)),
      ("attributes.run_id NOT IN ('a')", .attribute, "run_id", .among(["a"], isNegated: true)),
      ("dataset.name IN ('a', 'b')", .dataset, "name", .among(["a", "b"], isNegated: false)),
      ("datasets.context = 'train'", .dataset, "context", .text(.equal, "train")),
    ] as [(String, SearchSubject.Entity, String, SearchFilter.Condition)])
  func `a comparison has a key, an operator and a constant`(
    text: String, entity: SearchSubject.Entity, key: String, condition: SearchFilter.Condition
  ) throws {
    #expect(try comparisons(text) == [SearchFilter.Comparison(entity: entity, key: key, condition: condition)])
  }

  @Test func `comparisons are joined by AND in any case`() throws {
    let found = try comparisons("metrics.a > 1 AND params.b = 'x' and tags.AND = 'AND'")
    #expect(found.map(\.key) == ["a", "b", "AND"])
  }

  @Test(arguments: [
    "metrics.a", "metrics.a >", "metrics.a > 'x'", "metrics.a > x", "metrics.a LIKE 1", "metrics.a IN (1)",
    "metrics.a IS NULL", "metrics.a > 1 OR metrics.b > 1", "metrics.a > 1 metrics.b > 1", "(metrics.a > 1)",
    "NOT metrics.a > 1", "params.a = 1", "params.a = x", "params.a > 'x'", "params.a IN ('x')", "params.a = 'x",
    "params.a NOT LIKE 'x'", "status IN ('RUNNING')", "start_time = '5'", "start_time = 5x", "run_id IN ()",
    "run_id IN ('a' 'b')", "run_id IN 'a'", "run_id NOT ('a')", "nothing = 'x'", "attribute.nothing = 'x'",
    "models.a = 'x'", "dataset.size = 'x'", "`params`.a = 'x'", "params. = 'x'", "params.a == 'x'", "params.a <> 'x'",
    "params.a = 'x' AND", "AND", "; DROP TABLE run", "params.a = 'x'; --", "a.b.c.", "IN", "''", "..", "metrics.a > 1e",
  ])
  func `a filter that makes no sense is refused`(text: String) {
    #expect(throws: FilterError.self) { _ = try comparisons(text) }
  }

  @Test func `each subject has its own attributes`() throws {
    #expect(try comparisons("name ILIKE 'a%'", .experiments).count == 1)
    #expect(try comparisons("version_number > 3", .modelVersions).count == 1)
    #expect(try comparisons("creation_time > 3", .loggedModels).map(\.key) == ["creation_timestamp"])
    #expect(throws: FilterError.self) { _ = try comparisons("metrics.a > 1", .experiments) }
    #expect(throws: FilterError.self) { _ = try comparisons("run_id = 'x'", .registeredModels) }
  }

  @Test func `an order names keys and directions, each key once`() throws {
    let order = try SearchOrder(["metrics.loss DESC", "Created", "params.`a b` asc"], for: .runs)
    #expect(order.items.map(\.key) == ["loss", "start_time", "a b"])
    #expect(order.items.map(\.isAscending) == [false, true, true])
    for texts in [["metrics.a", "metrics.a DESC"], ["metrics.a DOWN"], ["nothing"], [""], ["dataset.name"]] {
      #expect(throws: FilterError.self) { _ = try SearchOrder(texts, for: .runs) }
    }
  }

  /// Filters come from anyone: whatever they are, the answer is a filter or an error.
  @Test func `no text of tokens in any order ends the process`() {
    let words = [
      "metrics", ".", "a", "=", "'x'", "1", "-", "AND", "IN", "(", ")", ",", "NOT", "NULL", "IS", "`", "\"", "é",
    ]
    var state: UInt64 = 1
    for _ in 0..<20_000 {
      var text = ""
      for _ in 0..<8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1
        text += words[Int(state >> 33) % words.count] + (state >> 60 & 1 == 0 ? " " : "")
      }
      _ = try? comparisons(text)
    }
  }
}
