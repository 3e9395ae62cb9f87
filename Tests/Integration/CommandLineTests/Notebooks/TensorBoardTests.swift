import Foundation
import Testing

/// A real TensorBoard over the artifacts of real jobs.
@Suite(.serialized) struct TensorBoardTests {
  private static let writer = """
    import os, time
    from tensorboardX import SummaryWriter
    writer = SummaryWriter("/artifacts/logs")
    step = 0
    while not os.path.exists("/storage/enough"):
        writer.add_scalar("loss", 1 / (step + 1), step)
        writer.flush()
        step += 1
        time.sleep(0.1)
    """

  private func get(_ cairn: CairnInstance, _ address: String, cookies: String) throws -> String {
    try RunningCommand(
      program: "/usr/bin/curl",
      arguments: ["--silent", "--location", "--cookie", cookies, "--cookie-jar", cookies, address],
      directory: cairn.directory, environment: [:]
    ).finish().output
  }

  @Test func aJobsCurvesAreSeenWhileItRunsAndAfter() throws {
    try CairnInstance.with(listens: true) { cairn in
      try cairn.write(Self.writer, to: "writer.py")
      let clients = MLflowClient.directory
      let run = try cairn.cairn(
        "run", "--detach", "--tensorboard", "--name", "curves", "--env",
        "PATH=\(clients)/tensorboard-server/bin:/usr/bin:/bin", "--", "\(clients)/tensorboard/bin/python", "writer.py")
      #expect(run.code == 0, "\(run)")
      let job = run.output.trimmingCharacters(in: .newlines)
      let address = try #require(run.complaint.split(whereSeparator: \.isWhitespace).last.map(String.init))
      #expect(address.hasPrefix("http://127.0.0.1:\(cairn.port ?? 0)/tensorboard/\(job)/?"), "\(run)")

      let cookies = cairn.directory + "/cookies.txt"
      #expect(try get(cairn, address, cookies: cookies).contains("<html"))
      let base = String(address.prefix { $0 != "?" })
      #expect(try get(cairn, base, cookies: "/dev/null").contains("unauthorized"))
      let tags = base + "data/plugin/scalars/tags"
      try cairn.eventually("the curve is seen") { try get(cairn, tags, cookies: cookies).contains("loss") }
      #expect(try cairn.state(of: "curves") == "running")

      _ = FileManager.default.createFile(atPath: cairn.mount + "/storage/enough", contents: nil)
      #expect(try cairn.cairn("job", "wait", "curves").code == 0)
      #expect(try get(cairn, tags, cookies: cookies).contains("loss"))
      // The same one, at the same address.
      let again = try cairn.json("job", "tensorboard", "curves")
      #expect((again["url"] as? String)?.hasPrefix(base + "?") == true)
      let own = try #require(again["job"] as? [String: Any])["id"] as? String ?? ""
      #expect(try cairn.cairn("job", "stop", own, "--wait").code == 0)
      #expect(try get(cairn, tags, cookies: cookies).contains("cairn job tensorboard"))
      #expect(try cairn.cairn("job", "rerun", own).complaint.contains("can't be repeated"))
      // It sees nothing but what it shows, and can't change that.
      #expect(try cairn.cairn("job", "tensorboard", own).complaint.contains("nothing to show"))
    }
  }

  @Test func `where the job's image has none this host's TensorBoard shows its curves`() throws {
    try CairnInstance.with(listens: true, path: "\(MLflowClient.directory)/tensorboard-server/bin") { cairn in
      let image = "localhost/cairn-test-bare:\(UUID().uuidString.lowercased())"
      let shell = """
        { printf '%s\\n' /bin/sh /bin/cp
          ldd /bin/sh /bin/cp | awk '$2 == "=>" { print $3 } $1 ~ "^/" && $2 ~ "^[(]" { print $1 }' | sort -u; } >files
        tar -C / -chf - -T files 2>/dev/null | podman import --quiet - "$0"
        """
      func bash(_ script: String) throws {
        let outcome = try RunningCommand(
          program: "/bin/bash", arguments: ["-c", script, image], directory: cairn.directory,
          environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": cairn.directory]
        ).finish()
        guard outcome.code == 0 else { throw CairnInstance.Problem(description: "\(outcome)") }
      }
      try bash(shell)
      defer { try? bash("podman rmi --force \"$0\"") }
      // What a program of the image would have written.
      try cairn.write(
        "from tensorboardX import SummaryWriter\nwriter = SummaryWriter('logs')\nwriter.add_scalar('loss', 0.5, 1)\n"
          + "writer.close()\n", to: "write.py")
      let written = try RunningCommand(
        program: MLflowClient.python("tensorboard"), arguments: ["write.py"], directory: cairn.directory + "/project",
        environment: [:]
      ).finish()
      #expect(written.code == 0, "\(written)")
      let run = try cairn.cairn(
        "run", "--name", "bare", "--image", image, "--env", "PYTHONHOME=/nowhere", "--", "/bin/cp", "-r", "logs",
        "/artifacts/")
      #expect(run.code == 0, "\(run)")
      let opened = try cairn.cairn("job", "tensorboard", "bare")
      #expect(opened.code == 0 && opened.complaint.contains("this host's is tried"), "\(opened)")
      let cookies = cairn.directory + "/cookies.txt"
      let address = opened.output.trimmingCharacters(in: .newlines)
      #expect(try get(cairn, address, cookies: cookies).contains("<html"))
      let tags = String(address.prefix { $0 != "?" }) + "data/plugin/scalars/tags"
      try cairn.eventually("the curve is seen") { try get(cairn, tags, cookies: cookies).contains("loss") }
      // Neither the image nor the environment of the job has any part in it.
      let own = try #require(try cairn.json("job", "tensorboard", "bare")["job"] as? [String: Any])
      #expect(own["image"] as? String == "host" && own["state"] as? String == "running", "\(own)")
    }
  }

  @Test func whereThereIsNoTensorBoardThatIsSaid() throws {
    try CairnInstance.with(listens: true) { cairn in
      #expect(try cairn.cairn("run", "--name", "plain", "--env", "PATH=/usr/bin:/bin", "--", "true").code == 0)
      let outcome = try cairn.cairn("job", "tensorboard", "plain")
      #expect(outcome.code == 1)
      #expect(outcome.complaint.contains("there is no TensorBoard here"), "\(outcome)")
    }
  }
}
