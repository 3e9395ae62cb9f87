import Glibc
import Testing

@testable import Containers

struct OutsideContainersTests {
  /// Runs `program`, whose command line may say something else, until `body` returns.
  ///
  /// It has to outlive the test on a machine where other tests hold every thread for half a minute.
  private func withProcess(
    _ program: String, _ words: [String], _ body: (HostProcess) async throws -> Void
  ) async throws {
    var pid = pid_t()
    let arguments: [UnsafeMutablePointer<CChar>?] = words.map { (word: String) in strdup(word) }
    defer { for argument in arguments { free(argument) } }
    try #require(posix_spawn(&pid, program, nil, nil, arguments + [nil], nil) == 0)
    defer {
      var status: Int32 = 0
      kill(pid, SIGKILL)
      waitpid(pid, &status, 0)
    }
    try await body(try #require(HostProcess(pid: pid)))
  }

  @Test func `a program that calls itself conmon is not taken for one`() async throws {
    let name = "cairn-claimed-\(getpid())"
    let words = [
      "/usr/bin/conmon", "-c", "sleep 600; :", "conmon", "-n", name, "-r", "/bin/false", "--exit-dir", "/nowhere",
    ]
    try await withProcess("/bin/sh", words) { process in
      #expect(process.arguments.contains(name[...]))
      #expect(process.program != "conmon")
      #expect(ContainerProcesses.find(name) == nil)
    }
  }

  @Test func `a program is found by its file, and not where it runs in a namespace of its own`() async throws {
    try await withProcess("/usr/bin/sleep", ["another name", "600"]) { process in
      #expect(HostProcess.outsideContainers(running: "sleep").contains(process))
      #expect(!HostProcess.outsideContainers(running: "another name").contains(process))
    }
    // Else it may make no namespace.
    guard geteuid() == 0 else { return }
    let words = ["unshare", "--pid", "--fork", "--kill-child", "/usr/bin/sleep", "600"]
    try await withProcess("/usr/bin/unshare", words) { process in
      var inner: HostProcess?
      for _ in 0..<500 where inner?.program != "sleep" {
        inner = process.children.first
        try await Task.sleep(for: .milliseconds(10))
      }
      let sleeper = try #require(inner)
      #expect(sleeper.program == "sleep")
      #expect(HostProcess.all().contains(sleeper))
      #expect(!HostProcess.outsideContainers(running: "sleep").contains(sleeper))
    }
  }
}
