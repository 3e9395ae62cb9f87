import FoundationEssentials
import Glibc
import Logging
import ModelFormats
import Synchronization
import TestSupport
import Testing
import Tracker

@testable import ModelRepository

/// A repository in a directory of its own, with a model's files to register.
private final class Bench: Sendable {
  let directory = TemporaryDirectory()
  let storage: PlainStorage
  let gone = Mutex<Set<String>>([])

  init() throws {
    storage = PlainStorage(directory.path)
    try write("first", to: "source/model.txt")
  }

  func write(_ text: String, to path: String) throws {
    let place = directory.path + "/" + path
    try FileManager.default.createDirectory(
      atPath: String(place[..<place.lastIndex(of: "/")!]), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: place))
  }

  /// Another one on the same files, as a daemon that comes after has it. The one before must be gone.
  func open() throws -> ModelRepository {
    try ModelRepository(
      path: directory.path + "/models.db", storage: storage, logger: Logger(label: "test"),
      lineage: { ModelLineage(job: $0, workspaceSnapshot: 7, imageDigest: "sha256:0") }
    ) { [weak self] use in self?.gone.withLock { $0.contains(use.holder) } ?? false }
  }

  func read(_ path: String) -> String? {
    FileManager.default.contents(atPath: directory.path + "/" + path).map { String(decoding: $0, as: UTF8.self) }
  }

  func link(_ path: String) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: directory.path + "/" + path)
  }
}

private let new = NewModelVersion(source: "test:", content: .path("source"))

@Suite struct ModelRepositoryTests {
  private func code(_ body: () async throws -> Void) async -> TrackerError.Code? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? TrackerError)?.code
    }
  }

  @Test func aVersionHasFilesAndADigest() async throws {
    let bench = try Bench()
    let models = try bench.open().project("p")
    let version = try await models.register("m", new)
    #expect(version.number == 1 && version.status == .ready && version.path == "models/m/1")
    #expect(bench.read("models/m/1/model.txt") == "first")
    #expect(version.bytes == 5 && version.files == 1)
    let files = try await models.files(of: version)
    // echo -n first | sha256sum, and of the line with it.
    #expect(files[0].sha256 == "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e")
    #expect(version.digest == ContentDigest.digest(of: files))
    #expect(bench.link("models/m/latest") == "1")
  }

  @Test func aJobsVersionKnowsWhatTheJobWasMadeOf() async throws {
    let bench = try Bench()
    let models = try bench.open().project("p")
    var ofJob = new
    ofJob.lineage.job = "j"
    let lineage = try await models.register("m", ofJob).lineage
    #expect(lineage == ModelLineage(job: "j", workspaceSnapshot: 7, imageDigest: "sha256:0"))
    #expect(try await models.register("m", new).lineage == ModelLineage())
  }

  @Test func numbersAreNotGivenAgain() async throws {
    let bench = try Bench()
    let models = try bench.open().project("p")
    for _ in 1...3 { _ = try await models.register("m", new) }
    _ = try await models.removeVersion(3, of: "m")
    #expect(bench.read("models/m/3/model.txt") == nil)
    #expect(bench.link("models/m/latest") == "2")
    #expect(try await models.register("m", new).number == 4)
    #expect(try await models.versions(of: "m").map(\.number) == [4, 2, 1])
  }

  @Test func aliasesMoveAndGoWithTheirVersion() async throws {
    let bench = try Bench()
    let models = try bench.open().project("p")
    for _ in 1...2 { _ = try await models.register("m", new) }
    try await models.setAlias("best", of: "m", to: 1)
    #expect(bench.link("models/m/best") == "1")
    try await models.setAlias("best", of: "m", to: 2)
    #expect(bench.link("models/m/best") == "2")
    #expect(try await models.version(alias: "best", of: "m").number == 2)
    #expect(try await models.version(named: "best", of: "m").number == 2)
    _ = try await models.removeVersion(2, of: "m")
    #expect(bench.link("models/m/best") == nil)
    #expect(await code { _ = try await models.version(alias: "best", of: "m") } == .invalidParameterValue)
    for alias in ["latest", "LATEST", "v1", "V22", "", "a b", "a/b"] {
      #expect(await code { try await models.setAlias(alias, of: "m", to: 1) } == .invalidParameterValue, "\(alias)")
    }
    #expect(await code { try await models.setAlias("x", of: "m", to: 2) } == .resourceDoesNotExist)
  }

  @Test func linksFollowTheRecordsHoweverManyMoveThem() async throws {
    let bench = try Bench()
    let models = try bench.open().project("p")
    try await withThrowingDiscardingTaskGroup { group in
      for _ in 0..<20 { group.addTask { _ = try await models.register("m", new) } }
    }
    #expect(try await models.versions(of: "m").map(\.number) == Array((1...20).reversed()))
    #expect(bench.link("models/m/latest") == "20")
    for _ in 0..<10 {
      try await withThrowingDiscardingTaskGroup { group in
        for number in 1...10 as ClosedRange<Int64> {
          group.addTask {
            try await models.setAlias("best", of: "m", to: number)
            if number % 3 == 0 { try await models.deleteAlias("best", of: "m") }
          }
        }
      }
      let alias = try await models.model("m").aliases.first
      #expect(bench.link("models/m/best") == alias.map { String($0.version) })
    }
    try await withThrowingDiscardingTaskGroup { group in
      for number in 1...19 as ClosedRange<Int64> {
        group.addTask { _ = try await models.removeVersion(number, of: "m") }
      }
    }
    #expect(bench.read("models/m/19/model.txt") == nil && bench.read("models/m/20/model.txt") == "first")
  }

  @Test func stagesMoveOthersOutWhereThatIsAskedFor() async throws {
    let bench = try Bench()
    let models = try bench.open().project("p")
    for _ in 1...3 { _ = try await models.register("m", new) }
    for number in [1, 2] as [Int64] {
      _ = try await models.moveVersion(number, of: "m", to: .production, archivingOthers: false)
    }
    #expect(try await models.latestVersions(of: "m", stages: ["production"]).map(\.number) == [2])
    _ = try await models.moveVersion(3, of: "m", to: .production, archivingOthers: true)
    #expect(try await models.versions(of: "m").map(\.stage) == [.production, .archived, .archived])
    #expect(try await models.latestVersions(of: "m", stages: []).map(\.number) == [2, 3])
    #expect(
      await code { _ = try await models.moveVersion(1, of: "m", to: .archived, archivingOthers: true) }
        == .invalidParameterValue)
    #expect(throws: TrackerError.self) { try ModelStage(named: "somewhere") }
  }

  @Test func aModelIsRenamedWithItsVersionsAndKeepsItsDirectory() async throws {
    let bench = try Bench()
    let models = try bench.open().project("p")
    _ = try await models.register("old", new)
    _ = try await models.createModel("taken")
    #expect(await code { _ = try await models.renameModel("old", to: "taken") } == .resourceAlreadyExists)
    _ = try await models.renameModel("old", to: "new")
    #expect(try await models.version(1, of: "new").path == "models/old/1")
    #expect(await code { _ = try await models.model("old") } == .resourceDoesNotExist)
    // Who takes the name now gets another directory.
    #expect(try await models.register("old", new).path == "models/old@p/1")
  }

  @Test func projectsDoNotSeeEachOthersModels() async throws {
    let bench = try Bench()
    let repository = try bench.open()
    let (one, two) = (repository.project("one"), repository.project("two"))
    #expect(try await one.register("m", new).path == "models/m/1")
    #expect(try await two.register("m", new).path == "models/m@two/1")
    try await one.setTag(KeyValue("a", "b"), of: "m")
    #expect(try await two.model("m").tags.isEmpty)
    #expect(try await two.hasVersion(at: "models/m/1") == false)
    #expect(try await repository.projects(with: "m") == ["one", "two"])
    _ = try await one.removeModel("m")
    #expect(bench.read("models/m@two/1/model.txt") == "first")
  }

  @Test(arguments: [
    ("digits", true), ("größe 2", true), ("a.b-c_d+e@f", true), (".hidden", false), ("a,b", false), ("a\"b", false),
    ("a=b", false), ("a\nb", false), ("x" + String(repeating: "y", count: 300), false), ("*", false),
  ])
  func namesBecomeDirectoriesThatAreSafe(_ name: String, _ isOwn: Bool) {
    let directory = ModelDirectory.name(for: name)
    #expect((directory == name) == isOwn)
    #expect(directory.utf8.count <= 255 && !directory.hasPrefix(".") && !directory.isEmpty)
    #expect(!directory.contains { "/,\"=\n\\".contains($0) })
    #expect(isOwn || directory != ModelDirectory.name(for: name + "x"))
  }

  @Test func aVersionInUseIsNotRemoved() async throws {
    let bench = try Bench()
    let repository = try bench.open()
    let models = repository.project("p")
    let version = try await models.register("m", new)
    try await repository.use(version, by: .deployment, "d")
    try await repository.use(version, by: .job, "j")
    let refused = await #expect(throws: ModelInUse.self) { _ = try await models.removeVersion(1, of: "m") }
    #expect(refused?.description.contains("deployment d") == true && refused?.description.contains("job j") == true)
    await #expect(throws: ModelInUse.self) { _ = try await models.removeModel("m") }
    #expect(bench.read("models/m/1/model.txt") == "first")
    try await repository.release(.deployment, "d")
    await #expect(throws: ModelInUse.self) { _ = try await models.removeVersion(1, of: "m") }
    // A job that has ended without giving it back.
    bench.gone.withLock { _ = $0.insert("j") }
    #expect(try await models.removeVersion(1, of: "m").bytes == 5)
    #expect(await code { try await repository.use(version, by: .job, "k") } == .resourceDoesNotExist)
  }

  @Test func whatADaemonLeftIsFinishedByTheNext() async throws {
    let bench = try Bench()
    do {
      let models = try bench.open().project("p")
      _ = try await models.register("m", new)
      // Its record is made, and then the daemon dies.
      _ = try await models.beginVersion(of: "m", new)
      try await models.setAlias("best", of: "m", to: 2)
      bench.storage.fail(1000)
      _ = try? await models.removeVersion(1, of: "m")
      bench.storage.fail(0)
      #expect(bench.read("models/m/1/model.txt") == "first")
    }
    let repository = try bench.open()
    await repository.recover()
    let models = repository.project("p")
    #expect(try await models.versions(of: "m").map(\.status) == [.ready])
    #expect(bench.read("models/m/1/model.txt") == nil)
    #expect(bench.read("models/m/2/model.txt") == "first")
    #expect(bench.link("models/m/best") == "2" && bench.link("models/m/latest") == "2")
  }

  @Test func whatCantBeMadeIsMarkedAsFailedAndCanBeRemoved() async throws {
    let bench = try Bench()
    let models = try bench.open().project("p")
    await #expect(throws: (any Error).self) {
      _ = try await models.register("m", NewModelVersion(source: "test:", content: .path("nowhere")))
    }
    let version = try await models.version(1, of: "m")
    #expect(version.status == .failed && version.statusMessage != nil)
    _ = try await models.removeVersion(1, of: "m")
    #expect(try await models.register("m", new).number == 2)
  }

  @Test func eventsTellWhatHappened() async throws {
    let bench = try Bench()
    let repository = try bench.open()
    let models = repository.project("p")
    _ = try await models.createModel("m", description: "d", tags: [KeyValue("a", "b")])
    _ = try await models.register("m", new)
    try await models.setTag(KeyValue("k", "v"), ofVersion: 1, of: "m")
    try await models.deleteTag("k", ofVersion: 1, of: "m")
    try await models.deleteTag("k", ofVersion: 1, of: "m")
    try await models.setAlias("x", of: "m", to: 1)
    try await models.deleteAlias("x", of: "m")
    _ = try await models.createModel("prompt", tags: [KeyValue("mlflow.prompt.is_prompt", "true")])
    let events = try await repository.events(after: 0)
    #expect(
      events.map { "\($0.entity.rawValue).\($0.action.rawValue)" } == [
        "registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted",
        "model_version_alias.created", "model_version_alias.deleted", "prompt.created",
      ])
    #expect(events[0].data == #"{"name":"m","tags":{"a":"b"},"description":"d"}"#)
    #expect(events[2].data == #"{"name":"m","version":"1","key":"k","value":"v"}"#)
    try await repository.forgetEvents(upTo: events[5].sequence)
    #expect(try await repository.events(after: 0).count == 1)
  }
}
