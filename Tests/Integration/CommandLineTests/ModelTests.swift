import Foundation
import Glibc
import Testing

/// The model repository with the real daemons, the real mount and real jobs.
@Suite(.serialized) struct ModelTests {
  /// Bytes that no other test has stored.
  private func random(_ count: Int) -> Data { Data((0..<count).map { _ in UInt8.random(in: 0...255) }) }

  private func version(_ cairn: CairnInstance, _ reference: String) throws -> [String: Any] {
    try cairn.json("model", "show", reference)
  }

  private func job(_ cairn: CairnInstance, _ script: String, _ options: String...) throws -> String {
    let run = try cairn.begin(["run", "--json", "--workspace", "none"] + options + ["--", "sh", "-c", script]).finish()
    guard run.code == 0, let line = run.output.split(separator: "\n").last,
      let value = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
      let id = value["id"] as? String
    else { throw CairnInstance.Problem(description: "\(run)") }
    return id
  }

  private func writeModel(_ directory: String, _ content: Data) throws {
    try FileManager.default.createDirectory(atPath: directory + "/sub", withIntermediateDirectories: true)
    let header = #"{"w":{"dtype":"U8","shape":[\#(content.count)],"data_offsets":[0,\#(content.count)]}}"#
    var file = Data((0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) })
    file.append(Data(header.utf8))
    file.append(content)
    try file.write(to: URL(fileURLWithPath: directory + "/model.safetensors"))
    try Data("how to use it\n".utf8).write(to: URL(fileURLWithPath: directory + "/sub/a b.txt"))
  }

  @Test func aDirectoryBecomesAVersionOfFiles() throws {
    try CairnInstance.with { cairn in
      let content = random(3_000_000)
      try writeModel(cairn.directory + "/m", content)
      let registered = try cairn.cairn(
        "model", "register", "digits", cairn.directory + "/m", "--description", "first", "--tag", "team=vision")
      #expect(registered.code == 0, "\(registered)")
      let place = cairn.mount + "/models/digits/1"
      #expect(registered.output == "digits:1 \(place)\n")
      #expect(try Data(contentsOf: URL(fileURLWithPath: place + "/model.safetensors")).suffix(3_000_000) == content)

      let shown = try version(cairn, "digits:1")
      #expect(shown["status"] as? String == "READY")
      #expect(shown["project"] as? String == "project")
      #expect(shown["description"] as? String == "first")
      #expect(shown["tags"] as? [String: String] == ["team": "vision"])
      let told = try #require(shown["content"] as? [String: Any])
      #expect(told["formats"] as? [String] == ["safetensors"])
      #expect(told["parameter_count"] as? Int == 3_000_000)
      #expect(try cairn.cairn("model", "show", "digits").output.contains("safetensors"))
      #expect(try cairn.cairn("model", "show", "digits@latest").output.contains("3000000"))

      // Anybody can make the digest.
      let made = try RunningCommand(
        program: "/bin/sh",
        arguments: [
          "-c", "find . -type f,l -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c -64",
        ],
        directory: place, environment: ["PATH": "/usr/bin:/bin"]
      ).finish()
      #expect(made.output.trimmingCharacters(in: .whitespacesAndNewlines) == shown["digest"] as? String)

      // Nobody changes it any more, root neither.
      // Files are not opened in Cairn but used, so it is the write that fails.
      let descriptor = open(place + "/model.safetensors", O_WRONLY)
      #expect(write(descriptor, "x", 1) < 0 && errno == EROFS)
      close(descriptor)
      #expect(mkdir(place + "/new", 0o755) != 0 && errno == EROFS)
      #expect(unlink(place + "/model.safetensors") != 0 && errno == EROFS)
      #expect(rmdir(place) != 0)

      let got = try cairn.cairn("model", "get", "digits:1", cairn.directory + "/got")
      #expect(got.code == 0, "\(got)")
      let same = try RunningCommand(
        program: "/usr/bin/diff", arguments: ["-r", cairn.directory + "/m", cairn.directory + "/got"], directory: "/",
        environment: [:]
      ).finish()
      #expect(same.code == 0, "\(same)")
    }
  }

  @Test func aJobsArtifactsBecomeAVersionWithoutTheirBytes() throws {
    try CairnInstance.with { cairn in
      let id = try job(
        cairn,
        """
        mkdir -p /artifacts/out/deep /artifacts/other
        head -c 8000000 /dev/urandom > /artifacts/out/model.bin; echo x > /artifacts/out/deep/x
        ln -s deep/x /artifacts/out/link; head -c 1000000 /dev/urandom > /artifacts/other/big; chmod 640 /artifacts/out/deep/x
        """, "--name", "trainer")
      try cairn.eventually("what the job wrote is in chunks") {
        try cairn.json("storage", "usage")["unique_bytes"] as? Int ?? 0 > 8_900_000
      }
      let before = try cairn.json("storage", "usage")
      let registered = try cairn.json("model", "register", "net", "trainer:out")
      #expect(registered["status"] as? String == "READY")
      #expect(registered["job"] as? String == id)
      #expect(registered["files"] as? Int == 3)
      let whole = try cairn.json("model", "register", "net", "\(id):")
      #expect(whole["version"] as? Int == 2)
      let single = try cairn.json("model", "register", "net", "trainer:out/model.bin")
      #expect(single["bytes"] as? Int == 8_000_000)

      let after = try cairn.json("storage", "usage")
      for key in ["unique_bytes", "pack_bytes"] {
        let grown = (after[key] as? Int ?? 0) - (before[key] as? Int ?? 0)
        #expect(grown < 300_000, "\(key) grew by \(grown)")
      }
      let models = cairn.mount + "/models/net"
      let artifacts = cairn.mount + "/artifacts/project/\(id)"
      let original = try Data(contentsOf: URL(fileURLWithPath: artifacts + "/out/model.bin"))
      for file in ["1/model.bin", "2/out/model.bin", "3/model.bin"] {
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(models)/\(file)")) == original)
      }
      var status = stat()
      #expect(stat(models + "/1/link", &status) == 0 && status.st_mode & 0o777 == 0o640)
      #expect(!FileManager.default.fileExists(atPath: models + "/1/other"))
      // Nothing is left of the making.
      #expect(try FileManager.default.contentsOfDirectory(atPath: cairn.mount + "/volumes").isEmpty)

      let missing = try cairn.cairn("model", "register", "net", "trainer:nothing")
      #expect(missing.code == 1 && missing.complaint.contains("nothing"), "\(missing)")
      let out = try cairn.cairn("model", "register", "net", "trainer:../../x")
      #expect(out.code == 1)
      // What failed took no number.
      #expect(try cairn.json("model", "register", "net", "trainer:out/deep")["version"] as? Int == 4)
    }
  }

  @Test func aliasesAreLinksThatLeadToOneVersionAtATime() throws {
    try CairnInstance.with { cairn in
      for number in 1...2 {
        try writeModel(cairn.directory + "/m\(number)", random(1000))
        #expect(try cairn.cairn("model", "register", "a", cairn.directory + "/m\(number)").code == 0)
      }
      let models = cairn.mount + "/models/a"
      let link = { try FileManager.default.destinationOfSymbolicLink(atPath: models + "/" + $0) }
      #expect(try link("latest") == "2")
      #expect(try cairn.cairn("model", "alias", "a:1", "champion").code == 0)
      #expect(try link("champion") == "1")
      let held = open(models + "/champion/model.safetensors", O_RDONLY)
      defer { close(held) }
      #expect(try cairn.cairn("model", "alias", "a:latest", "champion").code == 0)
      #expect(try link("champion") == "2")
      let now = try Data(contentsOf: URL(fileURLWithPath: models + "/champion/model.safetensors"))
      #expect(now == (try Data(contentsOf: URL(fileURLWithPath: cairn.directory + "/m2/model.safetensors"))))
      #expect(try version(cairn, "a@champion")["version"] as? Int == 2)

      #expect(try cairn.cairn("model", "stage", "a:1", "production").code == 0)
      #expect(try cairn.cairn("model", "stage", "a:2", "Production", "--archive-others").code == 0)
      #expect(try version(cairn, "a:1")["stage"] as? String == "Archived")
      #expect(try version(cairn, "a:Production")["version"] as? Int == 2)
      #expect(try cairn.cairn("model", "tag", "a:2", "lr=0.1", "old=1").code == 0)
      #expect(try cairn.cairn("model", "tag", "a:2", "--remove", "old").code == 0)
      #expect(try version(cairn, "a:2")["tags"] as? [String: String] == ["lr": "0.1"])
      #expect(try cairn.cairn("model", "describe", "a", "numbers").code == 0)
      #expect(try cairn.cairn("model", "show", "a").output.contains("numbers"))
      #expect(try cairn.cairn("model", "ls", "name LIKE 'a%'").output.contains("champion=2"))

      #expect(try cairn.cairn("model", "alias", "a", "champion", "--remove").code == 0)
      #expect(!FileManager.default.fileExists(atPath: models + "/champion"))
      #expect(try cairn.cairn("model", "alias", "a:1", "latest").code == 1)
      #expect(try cairn.cairn("model", "alias", "a:9", "x").code == 1)
      #expect(try cairn.cairn("model", "rm", "a").code == 2)
    }
  }

  @Test func aVersionInUseStaysAndOneThatIsRemovedFreesItsSpace() throws {
    try CairnInstance.with { cairn in
      try writeModel(cairn.directory + "/m", random(4_000_000))
      #expect(try cairn.cairn("model", "register", "m", cairn.directory + "/m").code == 0)
      #expect(try cairn.cairn("model", "alias", "m:1", "best").code == 0)
      let run = try cairn.begin([
        "run", "--name", "reader", "--workspace", "none", "--mount-model", "m@best", "--", "sh", "-c",
        "ls /models/m/1; touch /models/m/1/x 2>&1 | grep -c 'Read-only'; while [ ! -e /artifacts/go ]; do sleep 0.1; done",
      ])
      try cairn.eventually("the job sees the model") { run.outputSoFar == "model.safetensors\nsub\n1\n" }
      #expect(try cairn.cairn("model", "show", "m:1").output.contains("used by:"))
      let refused = try cairn.cairn("model", "rm", "m:1")
      let id = try #require((try cairn.json("job", "show", "reader")["job"] as? [String: Any])?["id"] as? String)
      #expect(refused.code == 1 && refused.complaint.contains("in use by job \(id)"), "\(refused)")
      #expect(try cairn.cairn("model", "rm", "m", "--all").code == 1)
      #expect(FileManager.default.fileExists(atPath: cairn.mount + "/models/m/1/model.safetensors"))
      try Data().write(to: URL(fileURLWithPath: cairn.mount + "/artifacts/project/\(id)/go"))
      #expect(run.finish().code == 0)

      let before = try cairn.json("storage", "usage")["unique_bytes"] as? Int ?? 0
      let removed = try cairn.json("model", "rm", "m:1")
      #expect(removed["versions"] as? Int == 1)
      #expect(removed["bytes"] as? Int ?? 0 > 4_000_000)
      #expect(!FileManager.default.fileExists(atPath: cairn.mount + "/models/m"))
      try cairn.eventually("the space is given back") {
        _ = try cairn.cairn("storage", "gc")
        return before - (try cairn.json("storage", "usage")["unique_bytes"] as? Int ?? 0) > 3_900_000
      }
      // Its number is not given again.
      #expect(try cairn.json("model", "register", "m", cairn.directory + "/m")["version"] as? Int == 2)
    }
  }

  /// What stands at the beginning of docs/models.md, to be pasted.
  @Test func theExampleOfThePageWorks() throws {
    try CairnInstance.with { cairn in
      let run = try cairn.runExample(ofPage: "models.md", ["/srv/cairn": cairn.mount])
      #expect(run.code == 0, "\(run)")
      #expect(
        run.output.hasPrefix("digits:1 \(cairn.mount)/models/digits/1\n1\nchampion\nlatest\nconfig.json\n"), "\(run)")
    }
  }

  @Test func twoProjectsMayHaveAModelOfOneName() throws {
    try CairnInstance.with { cairn in
      try writeModel(cairn.directory + "/m", random(1000))
      for project in ["one", "two"] {
        #expect(try cairn.cairn("model", "register", "m", cairn.directory + "/m", "--project", project).code == 0)
      }
      #expect(FileManager.default.fileExists(atPath: cairn.mount + "/models/m/1/model.safetensors"))
      #expect(FileManager.default.fileExists(atPath: cairn.mount + "/models/m@two/1/model.safetensors"))
      let unclear = try cairn.cairn("model", "show", "m")
      #expect(unclear.code == 1 && unclear.complaint.contains("--project"), "\(unclear)")
      #expect(try cairn.cairn("model", "show", "m", "--project", "two").output.contains("models/m@two"))
      #expect(try cairn.cairn("model", "rm", "m", "--all", "--project", "one").code == 0)
      #expect(try cairn.cairn("model", "show", "m:1").code == 0)
    }
  }

  @Test func aRegistrationOutlivesTheStorageDaemon() throws {
    try CairnInstance.with { cairn in
      let id = try job(
        cairn, "mkdir /artifacts/out; head -c 20000 /dev/urandom > /artifacts/out/w; echo x > /artifacts/out/x")
      // While nobody listens on its socket, and a moment later; the keeper bears five deaths in a minute.
      for milliseconds in [0, 10, 0, 20] as [UInt32] {
        var daemon: Int32?
        try cairn.eventually("the storage answers") {
          daemon = (try cairn.json("system", "info")["storage"] as? [String: Any])?["pid"] as? Int32
          return daemon != nil
        }
        #expect(kill(try #require(daemon), SIGKILL) == 0)
        usleep(milliseconds * 1000)
        let outcome = try cairn.cairn("model", "register", "m", "\(id):out")
        #expect(outcome.code == 0, "\(outcome)")
      }
      let versions = try #require(try cairn.json("model", "show", "m")["versions"] as? [[String: Any]])
      #expect(versions.count == 4 && Set(versions.map { $0["digest"] as? String }).count == 1, "\(versions)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: cairn.mount + "/volumes").isEmpty)
    }
  }

  /// A linear layer in ONNX.
  private static let onnx = """
    CAkSBmdvbGRlbhoDMS4yKAU6jAEKEQoBeAoBVxIBeSIGTWF0TXVsEgZsaW5lYXIqOwgECAMQAUIBV0owAAAAAAAAAAAAAAAAAAAA
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWhgKAXgSEwoRCAESDQoHEgViYXRjaAoCCARiGAoBeRITChEIARINCgcS
    BWJhdGNoCgIIA0IECgAQEXIQCgZhdXRob3ISBmEgdGVzdA==
    """

  @Test func whatTritonCanServeAppearsInItsLayout() throws {
    try CairnInstance.with { cairn in
      let manager = FileManager.default
      let model = try #require(Data(base64Encoded: Self.onnx, options: .ignoreUnknownCharacters))
      try manager.createDirectory(atPath: cairn.directory + "/m", withIntermediateDirectories: true)
      try model.write(to: URL(fileURLWithPath: cairn.directory + "/m/net.onnx"))
      for _ in 1...2 { #expect(try cairn.cairn("model", "register", "net", cairn.directory + "/m").code == 0) }
      #expect(try cairn.cairn("model", "show", "net:1").output.contains("float32"))
      let triton = cairn.mount + "/triton/net"
      #expect(try manager.contentsOfDirectory(atPath: triton).sorted() == ["1", "2"])
      #expect(try Data(contentsOf: URL(fileURLWithPath: triton + "/1/model.onnx")) == model)
      #expect(try cairn.cairn("model", "rm", "net:1").code == 0)
      #expect(try manager.contentsOfDirectory(atPath: triton) == ["2"])
      // In Triton's layout already: its newest version becomes ours.
      let own = cairn.directory + "/own"
      try manager.createDirectory(atPath: own + "/10", withIntermediateDirectories: true)
      try Data("platform: \"onnxruntime_onnx\"\n".utf8).write(to: URL(fileURLWithPath: own + "/config.pbtxt"))
      try model.write(to: URL(fileURLWithPath: own + "/10/model.onnx"))
      #expect(try cairn.cairn("model", "register", "net", own).code == 0)
      #expect(try manager.contentsOfDirectory(atPath: triton).sorted() == ["2", "3", "config.pbtxt"])
      #expect(try Data(contentsOf: URL(fileURLWithPath: triton + "/3/model.onnx")) == model)
      #expect(try cairn.cairn("model", "rm", "net", "--all").code == 0)
      #expect(!manager.fileExists(atPath: triton))
      #expect(!manager.fileExists(atPath: cairn.mount + "/models/net"))
    }
  }

  @Test func aRegistrationGoesOnWhenCairndIsKilled() throws {
    try CairnInstance.with { cairn in
      let files = 400
      let id = try job(
        cairn,
        "mkdir /artifacts/out; for i in $(seq \(files)); do head -c 20000 /dev/urandom > /artifacts/out/$i; done")
      for round in 1...3 {
        let register = try cairn.begin(["model", "register", "m", "\(id):out"])
        let daemon = try #require(try cairn.json("system", "info")["pid"] as? Int32)
        // At some moment of the work.
        usleep(UInt32(round) * 60_000)
        #expect(kill(daemon, SIGKILL) == 0)
        _ = register.finish()
        try cairn.eventually("cairnd answers again") {
          (try? cairn.json("system", "info")["pid"] as? Int32).map { $0 != daemon } ?? false
        }
      }
      try cairn.eventually("nothing is pending") {
        guard case let details = try? cairn.json("model", "show", "m"),
          let versions = details?["versions"] as? [[String: Any]]
        else { return true }
        return versions.allSatisfy { $0["status"] as? String != "PENDING_REGISTRATION" }
      }
      #expect(try cairn.cairn("model", "register", "m", "\(id):out").code == 0)
      let versions = try #require(try cairn.json("model", "show", "m")["versions"] as? [[String: Any]])
      let digests = Set(versions.map { $0["digest"] as? String })
      #expect(digests.count == 1, "\(versions)")
      for version in versions {
        let path = try #require(version["path"] as? String)
        #expect(version["status"] as? String == "READY")
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).count == files)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: cairn.mount + "/volumes").isEmpty)
    }
  }
}
