import Logging
import TestSupport
import Testing
import Tracker

@testable import ModelRepository

@Suite struct ModelSearchTests {
  private let directory = TemporaryDirectory()
  private let repository: ModelRepository

  init() throws {
    repository = try ModelRepository(
      path: directory.path + "/models.db", storage: PlainStorage(directory.path), logger: Logger(label: "test"),
      lineage: { ModelLineage(job: $0, workspaceSnapshot: 7, imageDigest: "sha256:0") }
    ) { _ in false }
  }

  private func models(_ filter: String, _ order: [String] = [], in project: String? = "p") async throws -> [String] {
    try await repository.searchModels(
      in: project, SearchFilter(filter, for: .registeredModels), SearchOrder(order, for: .registeredModels), limit: 1000
    ).records.map(\.name)
  }

  private func versions(_ filter: String, _ order: [String] = []) async throws -> [String] {
    try await repository.searchVersions(
      in: "p", SearchFilter(filter, for: .modelVersions), SearchOrder(order, for: .modelVersions), limit: 1000
    ).records.map(\.reference)
  }

  private func furnish() async throws {
    let p = repository.project("p")
    _ = try await p.createModel("digits", tags: [KeyValue("team", "vision")])
    _ = try await p.createModel("Dogs", tags: [KeyValue("team", "text"), KeyValue("x y", "1")])
    _ = try await p.createModel("a*b%c_d")
    _ = try await p.createModel("greeting", tags: [KeyValue("mlflow.prompt.is_prompt", "true")])
    _ = try await repository.project("other").createModel("digits")
    for (run, tags) in [("r1", [KeyValue("k", "v")]), ("r2", []), ("r1", [])] {
      _ = try await p.register(
        "digits", NewModelVersion(source: "s3://b/\(run)", content: .elsewhere, runID: run, tags: tags))
    }
    _ = try await p.register("Dogs", NewModelVersion(source: "s3://b/x", content: .elsewhere))
  }

  @Test func modelsAreFoundByNameAndTags() async throws {
    try await furnish()
    #expect(try await models("") == ["Dogs", "a*b%c_d", "digits"])
    #expect(try await models("name = 'digits'") == ["digits"])
    #expect(try await models("name LIKE 'd%'") == ["digits"])
    #expect(try await models("name ILIKE 'D%'") == ["Dogs", "digits"])
    #expect(try await models("name LIKE 'a*b%'") == ["a*b%c_d"])
    #expect(try await models("name LIKE 'a?b%'") == [])
    #expect(try await models("name IN ('digits', 'nothing')") == ["digits"])
    #expect(try await models("tags.team = 'vision'") == ["digits"])
    #expect(try await models("tags.team != 'vision'") == ["Dogs"])
    #expect(try await models("tags.`x y` = '1' AND name != 'digits'") == ["Dogs"])
    #expect(try await models("tags.team IS NULL") == ["a*b%c_d"])
    #expect(try await models("name = '\"; DROP TABLE model --'").isEmpty)
    #expect(throws: FilterError.self) { try SearchFilter("name = 'x'' OR 1=1 --'", for: .registeredModels) }
    #expect(try await models("", in: nil).count == 4)
    #expect(try await models("", ["name DESC"]) == ["digits", "a*b%c_d", "Dogs"])
    #expect(try await models("", ["creation_timestamp ASC", "name DESC"]).count == 3)
    #expect(throws: FilterError.self) { try SearchFilter("nothing = 'x'", for: .registeredModels) }
  }

  @Test func promptsAreFoundByWhoAsksForThem() async throws {
    try await furnish()
    let tag = "tag.`mlflow.prompt.is_prompt`"
    #expect(try await models("\(tag) = 'true'") == ["greeting"])
    // Also what has no such tag: so MLflow's clients ask for all but prompts.
    #expect(try await models("\(tag) != 'true'") == ["Dogs", "a*b%c_d", "digits"])
    #expect(try await models("name ILIKE 'd%' AND \(tag) != 'true'") == ["Dogs", "digits"])
    #expect(try await models("name = 'greeting'").isEmpty)
  }

  @Test func versionsAreFoundByWhatTheyAreOf() async throws {
    try await furnish()
    #expect(try await versions("name = 'digits'", ["version_number DESC"]) == ["digits/3", "digits/2", "digits/1"])
    #expect(try await versions("run_id = 'r1'", ["version_number ASC"]) == ["digits/1", "digits/3"])
    #expect(try await versions("run_id IN ('r2', 'x')") == ["digits/2"])
    #expect(try await versions("source_path LIKE 's3://b/x%'") == ["Dogs/1"])
    #expect(try await versions("tags.k = 'v'") == ["digits/1"])
    #expect(try await versions("version_number >= 2", ["version_number ASC"]) == ["digits/2", "digits/3"])
  }

  @Test(arguments: [1, 2, 3, 7, 50]) func pagesAreAllThereIsOnceEach(_ limit: Int) async throws {
    let p = repository.project("p")
    for index in 0..<23 { _ = try await p.createModel("m\(index % 10)-\(index)") }
    for order in [[], ["name DESC"], ["last_updated_timestamp DESC"]] {
      var found: [String] = []
      var token: PageToken?
      repeat {
        let page = try await repository.searchModels(
          in: "p", SearchFilter("name LIKE 'm%'", for: .registeredModels), SearchOrder(order, for: .registeredModels),
          after: token, limit: limit)
        found += page.records.map(\.name)
        #expect(page.records.count <= limit)
        // As a client hands it back.
        token = try page.next.flatMap { try PageToken($0.text) }
      } while token != nil
      #expect(found.count == 23 && Set(found).count == 23)
      #expect(found == (try await models("name LIKE 'm%'", order)))
    }
  }
}
