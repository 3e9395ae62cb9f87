import Containers
import Linux
import Testing

@Suite struct ProgramSearchTests {
  @Test(arguments: ["sh", "tar", "ls"]) func `a program is found where a shell finds it`(name: String) async throws {
    let found = try await Command.run(["sh", "-c", "command -v \(name)"], timeLimit: .seconds(60))
    #expect(programPath(name).map { $0 + "\n" } == found.output)
  }

  @Test func `a directory is no program, and a path is taken as it is`() {
    #expect(programPath("no such program") == nil)
    #expect(programPath("/bin/sh") == "/bin/sh")
    // In every directory of PATH there is one of this name.
    #expect(programPath(".") == nil)
  }
}
