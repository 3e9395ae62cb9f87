import Glibc
import Testing

/// What docs/fuse.md says an operation costs in requests.
@Suite("Requests that operations cost", .timeLimit(.minutes(1)))
struct RequestCountTests {
  /// The requests that `body` causes, without those that the kernel sends when it likes.
  private func requests(_ store: MountedStore, _ body: () throws -> Void) throws -> [String: Int] {
    let before = try counts(store)
    try body()
    var result = try counts(store).merging(before) { $0 - $1 }.filter { $0.value > 0 }
    for name in ["FORGET", "BATCH_FORGET"] { result[name] = nil }
    return result
  }

  private func counts(_ store: MountedStore) throws -> [String: Int] {
    let pairs = try store.command("counts").split(separator: " ").map { $0.split(separator: "=") }
    return Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), Int($0[1])!) })
  }

  @Test func aWarmFileIsReadWithoutAnyRequest() throws {
    try withMount { store in
      for index in 0..<100 { try writeFile(store.path("f\(index)"), noise(5000)) }
      func readAll() throws {
        for index in 0..<100 { try #expect(readFile(store.path("f\(index)")).count == 5000) }
      }
      // The first reading fetches the content and so makes the times of access unknown; the second
      // asks for these.
      try readAll()
      try readAll()
      let counts = try requests(store, readAll)
      #expect(counts == [:])
    }
  }

  @Test func aNewFileOfOneWriteCostsFiveRequests() throws {
    try withMount { store in
      try writeFile(store.path("first"), "x")
      let counts = try requests(store) {
        for index in 0..<100 { try writeFile(store.path("f\(index)"), "x") }
      }
      // GETATTR is of the directory, whose times each new name changes; GETXATTR asks for
      // security.capability, once for a file's first write.
      #expect(counts == ["LOOKUP": 100, "MKNOD": 100, "GETATTR": 100, "GETXATTR": 100, "WRITE": 100])
    }
  }

  @Test func renamingCostsThreeRequests() throws {
    try withMount { store in
      for index in 0..<100 { try writeFile(store.path("f\(index)"), "x") }
      let counts = try requests(store) {
        for index in 0..<100 { #expect(rename(store.path("f\(index)"), store.path("g\(index)")) == 0) }
      }
      // GETATTR is of the directory again, before the kernel lets the next name be changed in it.
      #expect(counts == ["LOOKUP": 100, "GETATTR": 100, "RENAME": 100])
    }
  }

  @Test func anAbsentNameIsNotAskedForTwice() throws {
    try withMount { store in
      _ = access(store.path("none"), F_OK)
      let counts = try requests(store) {
        for _ in 0..<100 { _ = access(store.path("none"), F_OK) }
      }
      #expect(counts == [:])
    }
  }
}
