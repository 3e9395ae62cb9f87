import Foundation
import Testing

/// What notebooks are given, with a real JupyterLab.
@Suite(.serialized) struct NotebookResourceTests {
  private func start(_ cairn: CairnInstance, _ options: String...) throws -> String {
    let started = try cairn.begin(["notebook", "start", "--python", NotebookBrowser.jupyter] + options).finish()
    guard started.code == 0 else { throw CairnInstance.Problem(description: "\(started)") }
    return started.output.trimmingCharacters(in: .newlines)
  }

  private func state(_ cairn: CairnInstance, _ name: String) throws -> String? {
    (try cairn.json("notebook", "show", name)["notebook"] as? [String: Any])?["state"] as? String
  }

  private func stable(_ address: String) -> String { String(address.prefix { $0 != "?" }) }

  @Test func `a notebook runs on an image, and what pip brings outlives its stop`() throws {
    try CairnInstance.with(listens: true) { cairn in
      try JupyterImage.with(cairn) { image in
        let browser = NotebookBrowser(cairn)
        try cairn.write("from the directory", to: "given.txt")
        let address = try start(cairn, "--name", "boxed", "--workspace", ".", "--image", image)
        let look = """
          import os, sys
          print(os.path.exists('\(JupyterImage.marker)'), os.path.exists('/usr/bin/apt'), os.getuid(), os.getcwd())
          print(sys.prefix, open('given.txt').read())
          open('/artifacts/result', 'w').write('kept')
          """
        #expect(
          try browser.do(address, "run", look)
            == "True False 0 /workspace\n/environment/python\(version(of: NotebookBrowser.jupyter)) from the directory\n"
        )
        _ = try browser.do(stable(address), "run", NotebookTests.install)
        #expect(try cairn.cairn("notebook", "stop", "boxed").code == 0)
        #expect(try cairn.cairn("notebook", "resume", "boxed").code == 0)
        let again = """
          import tiny_package, os
          print(tiny_package.VALUE, open('/artifacts/result').read(), os.path.exists('\(JupyterImage.marker)'))
          """
        #expect(try browser.do(stable(address), "run", again) == "42 kept True\n")
        #expect(try cairn.cairn("notebook", "stop", "boxed").code == 0)
        #expect(try cairn.cairn("notebook", "rm", "boxed").code == 0)
      }
    }
  }

  private func version(of python: String) throws -> String {
    try RunningCommand(
      program: python, arguments: ["-c", "import sys; print('{}.{}'.format(*sys.version_info), end='')"],
      directory: "/", environment: [:]
    ).finish().output
  }

  @Test func `a notebook has its GPU and its secret, and work on the GPU keeps it awake`() throws {
    let gpus = ["GPU-\(UUID().uuidString.lowercased())", "GPU-\(UUID().uuidString.lowercased())"]
    let programs = "/tmp/cairn-programs.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: programs) }
    // Says of both GPUs what NVIDIA's own would: the first is the notebook's.
    func use(percent: Int) throws {
      try "\(gpus[0]), \(percent), 100, 50\n\(gpus[1]), 99, 100, 50\n".write(
        toFile: programs + "/usage", atomically: true, encoding: .utf8)
    }
    try use(percent: 40)
    try "#!/bin/sh\ncase $1 in --query-gpu=uuid,utilization*) cat \(programs)/usage;; esac\n".write(
      toFile: programs + "/nvidia-smi", atomically: true, encoding: .utf8)
    chmod(programs + "/nvidia-smi", 0o755)

    try CairnInstance.with(listens: true, gpus: gpus, path: programs) { cairn in
      let browser = NotebookBrowser(cairn)
      try cairn.write("s3cret-of-notebooks\n", to: "value")
      #expect(try cairn.cairn("secret", "set", "token", "--file", "value").code == 0)
      let missing = try cairn.cairn("notebook", "start", "--name", "none", "--secret", "nothing")
      #expect(missing.code == 1 && missing.complaint.contains("cairn secret set nothing"), "\(missing)")

      // Somebody sits in front of a notebook: what can wait makes room for it.
      let patient = try cairn.cairn(
        "run", "--detach", "--priority", "preemptible", "--gpus", "2", "--workspace", "none", "--", "sleep", "1000"
      ).output.trimmingCharacters(in: .newlines)
      try cairn.eventually("a job has all GPUs") { try cairn.state(of: patient) == "running" }
      let address = try start(
        cairn, "--name", "busy", "--gpus", "1", "--secret", "token:API_TOKEN", "--idle-timeout", "4s")
      let look = """
        import os
        print(os.environ['CAIRN_DECLARED_GPU_0'], 'CAIRN_DECLARED_GPU_1' in os.environ, os.environ['API_TOKEN'])
        """
      #expect(try browser.do(address, "run", look) == "\(gpus[0]) False s3cret-of-notebooks\n")
      let id = try #require(
        (try cairn.json("notebook", "show", "busy")["notebook"] as? [String: Any])?["id"] as? String)
      #expect(try cairn.state(of: patient) == "queued")
      #expect(try cairn.cairn("job", "stop", patient).code == 0)
      let held = try cairn.cairn("gpu", "ls", "--json").output
      #expect(held.contains(gpus[0]), "\(held)")
      // Twice as long as it may be idle: nothing but its GPU has anything to do.
      let begin = Date()
      while Date().timeIntervalSince(begin) < 8 {
        #expect(["running", "expiring"].contains(try state(cairn, "busy")))
        usleep(500_000)
      }
      // What its GPU does is in its job's series, and nothing of the other.
      let job = try #require(
        (try cairn.json("notebook", "show", "busy")["notebook"] as? [String: Any])?["job"] as? String)
      let samples = try cairn.json("job", "usage", job)["samples"] as? [[String: Any]] ?? []
      let seen = samples.compactMap { $0["gpus"] as? [[String: Any]] }.joined()
      #expect(!seen.isEmpty && seen.allSatisfy { $0["uuid"] as? String == gpus[0] }, "\(samples)")
      #expect(seen.allSatisfy { $0["utilization_percent"] as? Double == 40 }, "\(samples)")
      try use(percent: 0)
      // The other one, which is not its own, is busy all the time.
      try cairn.eventually("it is stopped") { try state(cairn, "busy") == "stopped" }
      let stopped = try cairn.json("notebook", "show", id)["notebook"] as? [String: Any]
      #expect(stopped?["reason"] as? String == "idle")
      // What it held is free again, and the secret is nowhere.
      #expect(try cairn.cairn("run", "--gpus", "2", "--workspace", "none", "--", "true").code == 0)
      let shown = try cairn.call("GET", "/v1/notebooks/\(id)", "")
      let logged = try cairn.cairn("notebook", "logs", "busy").output
      for answer in [shown, logged] { #expect(!answer.contains("s3cret-of-notebooks")) }
    }
  }
}
