import Foundation
import Glibc
import Testing

@Suite(.serialized) struct WorkspaceTests {
  @Test func oddFilesComeThroughOrAreNamed() throws {
    try CairnInstance.with { cairn in
      let project = cairn.directory + "/project"
      try cairn.write("*.log\n", to: ".gitignore")
      try cairn.write("junk", to: "noise.log")
      try cairn.write("#!/bin/sh\necho ran\n", to: "script")
      #expect(chmod(project + "/script", 0o755) == 0)
      #expect(symlink("script", project + "/link") == 0)
      #expect(link(project + "/script", project + "/second") == 0)
      #expect(mkfifo(project + "/pipe", 0o600) == 0)
      let odd = "\(project)/odd".utf8CString.dropLast() + [CChar(bitPattern: 0xFF), 0]
      let descriptor = open(Array(odd), O_WRONLY | O_CREAT, 0o644)
      #expect(descriptor >= 0)
      close(descriptor)
      let run = try cairn.cairn(
        "run", "--", "sh", "-c",
        "./link; ls noise.log pipe 2>/dev/null; ls | od -An -c | grep -c 377; stat -c %h second")
      #expect(run.output == "ran\n1\n2\n")
      #expect(run.complaint.contains("left out the FIFO pipe"))
    }
  }

  @Test func whatTheStoreHasIsNotSentAgain() throws {
    try CairnInstance.with { cairn in
      var random = SystemRandomNumberGenerator()
      let content = Data((0..<2_000_000).map { _ in UInt8.random(in: 0...255, using: &random) })
      try content.write(to: URL(fileURLWithPath: cairn.directory + "/project/data"))
      #expect(try cairn.cairn("run", "--", "true").code == 0)
      let first = try #require(try cairn.json("storage", "stats")["ingested_bytes"] as? UInt64)
      #expect(first >= 2_000_000)
      try cairn.write("small", to: "note")
      #expect(try cairn.cairn("run", "--", "cmp", "data", "data").code == 0)
      let second = try #require(try cairn.json("storage", "stats")["ingested_bytes"] as? UInt64)
      #expect(second - first < 100_000)
    }
  }

  @Test func anUnreadableFileIsNamed() throws {
    try CairnInstance.with { cairn in
      try cairn.write("x", to: "secret")
      #expect(chmod(cairn.directory + "/project/secret", 0) == 0)
      // The daemon lets root in, and without these capabilities root reads no more than others.
      let capabilities = "-dac_override,-dac_read_search"
      let user = try RunningCommand(
        program: "/usr/bin/setpriv",
        arguments: [
          "--inh-caps=\(capabilities)", "--bounding-set=\(capabilities)", CairnInstance.program("cairn"), "run", "--",
          "true",
        ], directory: cairn.directory + "/project",
        environment: ["CAIRN_SOCKET": cairn.socket, "PATH": "/usr/bin:/bin"])
      let outcome = user.finish()
      #expect(outcome.code == 1)
      #expect(outcome.complaint.contains("secret"), "\(outcome)")
      #expect(outcome.complaint.contains("Permission denied"), "\(outcome)")
    }
  }
}
