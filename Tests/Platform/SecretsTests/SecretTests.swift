import ControlDatabase
import FoundationEssentials
import Glibc
import Secrets
import Testing

struct SecretTests {
  @Test func `what is sealed can be opened with the same key and name, and with no other`() throws {
    try withDirectory { directory in
      let box = SecretBox(keyPath: directory + "/key")
      for value in [[], [0], Array("hunter2".utf8), (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }] {
        let sealed = try box.seal(value, name: "a")
        #expect(try box.open(sealed, name: "a") == value)
        // A restarted daemon.
        #expect(try SecretBox(keyPath: directory + "/key").open(sealed, name: "a") == value)
        #expect(throws: SecretError.self) { try box.open(sealed, name: "b") }
        #expect(throws: SecretError.self) { try SecretBox(keyPath: directory + "/other").open(sealed, name: "a") }
      }
    }
  }

  @Test func `a sealed value that was changed anywhere is refused`() throws {
    try withDirectory { directory in
      let box = SecretBox(keyPath: directory + "/key")
      let sealed = try box.seal(Array("hunter2".utf8), name: "a")
      for index in sealed.indices {
        var changed = sealed
        changed[index] ^= 1
        #expect(throws: SecretError.self) { try box.open(changed, name: "a") }
        #expect(throws: SecretError.self) { try box.open(Array(sealed.prefix(index)), name: "a") }
      }
    }
  }

  @Test func `the same value is sealed differently each time, and nothing of it shows`() throws {
    try withDirectory { directory in
      let box = SecretBox(keyPath: directory + "/key")
      let value = [UInt8](repeating: 65, count: 64)
      let sealed = try (0..<50).map { _ in try box.seal(value, name: "a") }
      #expect(Set(sealed).count == 50)
      #expect(sealed.allSatisfy { !$0.contains { $0 == 65 } || $0.firstRange(of: [65, 65, 65]) == nil })
    }
  }

  @Test func `the key's file is its owner's alone, and one that others may read is refused`() throws {
    try withDirectory { directory in
      let path = directory + "/below/key"
      _ = try SecretBox(keyPath: path).seal([1], name: "a")
      var status = stat()
      #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600 && status.st_size == 65)
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory + "/below") == ["key"])
      chmod(path, 0o644)
      #expect(throws: SecretError.self) { try SecretBox(keyPath: path).seal([1], name: "a") }
      chmod(path, 0o600)
      for text in ["", "00", String(repeating: "x", count: 64), String(repeating: "0", count: 66)] {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        #expect(throws: SecretError.self, "\(text)") { try SecretBox(keyPath: path).seal([1], name: "a") }
      }
    }
  }

  @Test func `a project's own secret comes before that of all, and values are never told`() async throws {
    try await withService { secrets, database in
      _ = try await secrets.set("token", project: nil, value: Array("all".utf8))
      #expect(try await secrets.value(of: "token", for: "p") == Array("all".utf8))
      _ = try await secrets.set("token", project: "p", value: Array("own".utf8))
      #expect(try await secrets.value(of: "token", for: "p") == Array("own".utf8))
      #expect(try await secrets.value(of: "token", for: "q") == Array("all".utf8))
      #expect(try await secrets.list().map(\.project) == [nil, "p"])
      #expect(try await secrets.list(project: "q").map(\.project) == [nil])
      try await secrets.remove("token", project: nil)
      await #expect(throws: ControlError.self) { try await secrets.value(of: "token", for: "q") }
      await #expect(throws: ControlError.self) { try await secrets.remove("token", project: nil) }
      let events = try await database.events(after: 0, subject: "token")
      #expect(events.map(\.reason) == ["created", "created", "removed"])
      #expect(!"\(events)".contains("own"))
    }
  }

  @Test func `a secret of another project is not taken in the place of one's own`() async throws {
    try await withService { secrets, database in
      _ = try await secrets.set("token", project: "p", value: Array("p's".utf8))
      let sealed = try #require(try await database.sealedSecret("token", for: "p")).sealed
      // As one could who may write to the database.
      _ = try await database.setSecret("token", project: "q", sealed: sealed)
      await #expect(throws: SecretError.self) { try await secrets.value(of: "token", for: "q") }
    }
  }

  @Test func `names and values that can't be are refused`() async throws {
    try await withService { secrets, _ in
      for name in ["", "a b", "../x", "-x", String(repeating: "a", count: 65)] {
        await #expect(throws: ControlError.self) { try await secrets.set(name, project: nil, value: [1]) }
      }
      await #expect(throws: ControlError.self) { try await secrets.set("a", project: nil, value: []) }
      await #expect(throws: ControlError.self) {
        try await secrets.set("a", project: nil, value: .init(repeating: 1, count: SecretService.longestValue + 1))
      }
    }
  }

  private func withService(_ body: (SecretService, ControlDatabase) async throws -> Void) async throws {
    let directory = try Self.makeDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let database = try ControlDatabase(path: directory + "/control.db")
    try await body(SecretService(database: database, box: SecretBox(keyPath: directory + "/key")), database)
  }

  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = try Self.makeDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  private static func makeDirectory() throws -> String {
    let directory = "/tmp/cairn-secrets.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    return directory
  }
}
