import Foundation
import Testing

/// What a file gives all jobs of its experiment, beyond resources.
@Suite(.serialized) struct ExperimentJobTests {
  @Test func `trials see the secrets and models that the file names, and a model in use can't be removed`() throws {
    try CairnInstance.with { cairn in
      try cairn.write("s3cret-value\n", to: "value")
      #expect(try cairn.cairn("secret", "set", "token", "--file", "value").code == 0)
      try FileManager.default.removeItem(atPath: cairn.directory + "/project/value")
      try FileManager.default.createDirectory(atPath: cairn.directory + "/m", withIntermediateDirectories: true)
      try "first".write(toFile: cairn.directory + "/m/weights", atomically: true, encoding: .utf8)
      #expect(try cairn.cairn("model", "register", "base", cairn.directory + "/m").code == 0)
      #expect(try cairn.cairn("model", "alias", "base:1", "best").code == 0)
      try cairn.write(
        """
        name: equipped
        cpus: 0.25
        command: [sh, -c, 'test "$TOKEN" = s3cret-value && test "$(cat /run/secrets/token)" = s3cret-value && \
        cat /models/base/1/weights && echo; while [ ! -e /storage/go ]; do sleep 0.1; done']
        secrets: ["token:TOKEN"]
        secret_files: [token]
        priority: preemptible
        models: [base@best]
        searcher: grid
        max_concurrent: 1
        parameters: {a: {values: [1, 2]}}
        """, to: "equipped.yaml")
      let run = try cairn.begin(["experiment", "run", "equipped.yaml"])
      var job = ""
      try cairn.eventually("the first trial has read all", within: 60) {
        // There is no experiment at first, and no job of it.
        guard let first = (try? cairn.trials("equipped"))?.first?["job"] as? String else { return false }
        job = first
        return try cairn.cairn("job", "logs", job).output == "first\n"
      }
      let shown = try #require(try cairn.json("job", "show", job)["job"] as? [String: Any])
      #expect(shown["priority"] as? String == "preemptible")
      // The name stands for another version from now on; the sweep's stays what it was.
      try "second".write(toFile: cairn.directory + "/m/weights", atomically: true, encoding: .utf8)
      #expect(try cairn.cairn("model", "register", "base", cairn.directory + "/m").code == 0)
      #expect(try cairn.cairn("model", "alias", "base:2", "best").code == 0)
      let refused = try cairn.cairn("model", "rm", "base:1")
      #expect(refused.code == 1 && refused.complaint.contains("in use by experiment"), "\(refused)")
      try cairn.killControlDaemon()
      #expect(FileManager.default.createFile(atPath: cairn.mount + "/storage/go", contents: nil))
      try cairn.eventually("the sweep is over", within: 90) { try cairn.experimentState("equipped") == "succeeded" }
      _ = run.finish()
      let jobs = try cairn.trials("equipped").compactMap { $0["job"] as? String }
      #expect(try jobs.map { try cairn.cairn("job", "logs", $0).output } == ["first\n", "first\n"])
      try cairn.eventually("the model is free") { try cairn.cairn("model", "rm", "base:1").code == 0 }
    }
  }

  @Test func `a file whose jobs lack something is refused before anything of it begins`() throws {
    try CairnInstance.with { cairn in
      let sweep = "command: ['true']\nsearcher: grid\nparameters: {a: {values: [1]}}\n"
      for (text, expected) in [
        ("secrets: [nothing]", "cairn secret set nothing"), ("models: ['nothing:1']", "no model \"nothing\""),
        ("gpus: 3", "GPU"), ("secret_files: ['nothing:relative']", "use an absolute path"),
      ] {
        try cairn.write(sweep + text, to: "lacking.yaml")
        let run = try cairn.cairn("experiment", "run", "lacking.yaml")
        #expect(run.code == 1 && run.complaint.contains(expected), "\(run)")
      }
      try cairn.write("command: ['true']\nroles: {a: {secrets: [nothing]}}", to: "group.yaml")
      let group = try cairn.cairn("experiment", "run", "group.yaml")
      #expect(group.code == 1 && group.complaint.contains("cairn secret set nothing"), "\(group)")
      #expect((try cairn.json("experiment", "ls")["experiments"] as? [Any])?.isEmpty == true)
    }
  }
}
