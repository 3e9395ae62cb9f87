import ControlDatabase
import FoundationEssentials
import JobStates
import Synchronization
import TestSupport
import Testing

@testable import Tokens

@Suite struct TokenServiceTests {
  private let scratch = TemporaryDirectory()

  private func database() throws -> ControlDatabase { try ControlDatabase(path: scratch.path + "/control.db") }

  @Test func `a token opens what it was made for until it is revoked`() async throws {
    let tokens = TokenService(database: try database())
    let (secret, made) = try await tokens.create(name: "laptop", project: "vision", seconds: nil)
    #expect(try await tokens.token(of: secret) == made)
    #expect(made.project == "vision")
    #expect(try await tokens.list().map(\.id) == [made.id])
    for wrong in ["", "cairn_", String(secret.dropLast()), secret + "0", secret.uppercased(), "Bearer " + secret] {
      #expect(try await tokens.token(of: wrong) == nil)
    }
    try await tokens.revoke(made.id)
    #expect(try await tokens.token(of: secret) == nil)
    await #expect(throws: ControlError.self) { try await tokens.revoke(made.id) }
  }

  @Test func `the secret is not in the database`() async throws {
    let tokens = TokenService(database: try database())
    let (secret, _) = try await tokens.create(name: nil, project: nil, seconds: nil)
    for name in ["control.db", "control.db-wal"] {
      let bytes = try contents(scratch.path + "/" + name)
      #expect(!bytes.contains(secret.dropFirst(6)))
    }
  }

  @Test func `a token ends by itself`() async throws {
    let clock = Atomic<Int64>(1_790_000_000_000_000_000)
    let tokens = TokenService(database: try database()) { clock.load(ordering: .relaxed) }
    let (secret, _) = try await tokens.create(name: nil, project: nil, seconds: 60)
    #expect(try await tokens.token(of: secret) != nil)
    clock.add(59_000_000_000, ordering: .relaxed)
    #expect(try await tokens.token(of: secret) != nil)
    // It is remembered, and ends all the same.
    clock.add(1_000_000_000, ordering: .relaxed)
    #expect(try await tokens.token(of: secret) == nil)
    await #expect(throws: ControlError.self) { try await tokens.create(name: nil, project: nil, seconds: 0) }
    await #expect(throws: ControlError.self) { try await tokens.create(name: nil, project: "../x", seconds: nil) }
  }

  @Test func `a job's token dies with the attempt, and the next attempt has its own`() async throws {
    let database = try database()
    let tokens = TokenService(database: database)
    let job = try await database.addJob(JobRequest(project: "p", image: "i", command: ["c"], retries: 1))
    let first = try #require(try await database.beginAttempt(of: job.id, gpus: [], bootID: "b"))
    let secret = try await tokens.create(for: first, project: "p")
    let token = try #require(try await tokens.token(of: secret))
    #expect(token.job == job.id && token.attempt == 1 && token.project == "p")
    #expect(try await tokens.list().isEmpty)
    _ = try await database.attemptRuns(first, startedAt: 1, imageDigest: nil)
    #expect(try await tokens.token(of: secret) != nil)
    let end = AttemptEnd(.failed, .exitCode, exitCode: 1, time: 2)
    _ = try await database.endAttempt(first, end, retry: true, artifactsSealed: false)
    #expect(try await tokens.token(of: secret) == nil)
    let second = try #require(try await database.beginAttempt(of: job.id, gpus: [], bootID: "b"))
    #expect(try await tokens.token(of: secret) == nil)
    let next = try await tokens.create(for: second, project: "p")
    #expect(try await tokens.token(of: next)?.attempt == 2)
    try await tokens.revoke(ofJob: job.id)
    #expect(try await tokens.token(of: next) == nil)
  }

  private func contents(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
  }
}
