import Glibc
import Testing

@testable import Containers

struct HeldProcessTests {
  /// A child of ours, held by its descriptor as if it were another's.
  private func withHeldChild(_ script: String, _ body: (pid_t, HeldProcess) async throws -> Void) async throws {
    var pid = pid_t()
    let words: [UnsafeMutablePointer<CChar>?] = ["/bin/sh", "-c", script].map { (word: String) in strdup(word) }
    defer { for word in words { free(word) } }
    try #require(posix_spawn(&pid, "/bin/sh", nil, nil, words + [nil], nil) == 0)
    let process = try #require(HostProcess(pid: pid))
    try await body(pid, try #require(HeldProcess(process)))
  }

  @Test(arguments: [("exit 42", 42), ("exit 0", 0), ("kill -9 $$", 137)])
  func `how a process of another's ended is known before and after it was waited for`(
    script: String, code: Int32
  ) async throws {
    try await withHeldChild("sleep 0.2; \(script)") { pid, held in
      #expect(held.exitCode == nil)
      try await held.ended()
      #expect(geteuid() != 0 || held.exitCode == code)
      var status: Int32 = 0
      #expect(waitpid(pid, &status, 0) == pid)
      // Older kernels tell it to the parent only.
      #expect(held.exitCode == code || held.exitCode == nil && !isLinux(6, 15))
    }
  }

  @Test func `a process that has ended and was waited for, or has another's number, is not held`() async throws {
    try await withHeldChild("sleep 0.3") { pid, _ in
      let process = HostProcess(pid: pid, startTicks: 1)
      #expect(HeldProcess(process) == nil)
      var status: Int32 = 0
      #expect(waitpid(pid, &status, 0) == pid)
      #expect(HeldProcess(process) == nil)
    }
  }

  private func isLinux(_ major: Int, _ minor: Int) -> Bool {
    var name = utsname()
    guard uname(&name) == 0 else { return false }
    let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
    return numbers.count == 2 && (numbers[0], numbers[1]) >= (major, minor)
  }
}
