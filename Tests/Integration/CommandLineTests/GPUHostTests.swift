import Foundation
import Testing

/// A host with GPUs, as far as a host without can have them: programs in the place of NVIDIA's say what those would, of
/// other device nodes.
@Suite(.serialized) struct GPUHostTests {
  /// Whole GPUs 0 and 1, and GPU 2 in two MIG instances.
  private final class StandIn {
    let directory = "/tmp/cairn-programs.\(UUID().uuidString)"
    let gpus = (0..<3).map { _ in "GPU-\(UUID().uuidString.lowercased())" }
    let instances = (0..<2).map { _ in "MIG-\(UUID().uuidString.lowercased())" }

    init() throws {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      let query = gpus.enumerated().map { "\($0), \($1), NVIDIA Test, 1024" }
      let list =
        gpus.enumerated().map { "GPU \($0): NVIDIA Test (UUID: \($1))" }
        + instances.enumerated().map { "  MIG 1g.5gb     Device  \($0): (UUID: \($1))" }
      try """
      #!/bin/sh
      # A file says of a GPU what is the matter with it.
      for argument; do case $argument in --id=*) one=${argument#--id=};; esac; done
      if [ -e "\(directory)/lost" ] && [ "${one:-all}" = all -o "$one" = "$(cat "\(directory)/lost")" ]; then
        echo "Unable to determine the device handle for GPU 0000:C1:00.0: GPU is lost.  Reboot the system to recover"
        exit 15
      fi
      case $* in
        *query-gpu=index*) echo '\(query.joined(separator: "\n"))';;
        --list-gpus) echo '\(list.joined(separator: "\n"))';;
        --query*--id=*)
          echo "    GPU UUID                          : $one"
          echo "    GPU Recovery Action               : $(cat "\(directory)/action-$one" 2>/dev/null || echo None)";;
        *query-compute-apps=*) if [ -e "\(directory)/busy-$one" ]; then echo "$one, 4711"; fi;;
      esac
      """.write(toFile: directory + "/nvidia-smi", atomically: true, encoding: .utf8)
      chmod(directory + "/nvidia-smi", 0o755)
      let devices = (gpus + instances).map { uuid in
        ["name": uuid, "containerEdits": ["deviceNodes": [["path": "/dev/test-\(uuid)", "hostPath": "/dev/zero"]]]]
          as [String: Any]
      }
      // Newer than old podman accepts.
      let specification = try JSONSerialization.data(
        withJSONObject: [
          "cdiVersion": "0.7.0", "kind": "nvidia.com/gpu", "devices": devices, "annotations": ["a": "b"],
        ])
      try specification.write(to: URL(fileURLWithPath: directory + "/specification.json"))
      try "#!/bin/sh\n[ \"$*\" = 'cdi generate --format=json' ] && exec cat \(directory)/specification.json\n".write(
        toFile: directory + "/nvidia-ctk", atomically: true, encoding: .utf8)
      chmod(directory + "/nvidia-ctk", 0o755)
    }

    func set(_ file: String, _ text: String?) throws {
      let path = directory + "/" + file
      if let text { try text.write(toFile: path, atomically: true, encoding: .utf8) } else { unlink(path) }
    }

    func remove() {
      try? FileManager.default.removeItem(atPath: directory)
    }
  }

  private func withGPUs(_ body: (CairnInstance, StandIn) throws -> Void) throws {
    let standIn = try StandIn()
    defer { standIn.remove() }
    try CairnInstance.with(path: standIn.directory) { try body($0, standIn) }
  }

  /// The devices that a job with these options sees.
  private func devices(_ cairn: CairnInstance, _ options: String...) throws -> Set<String> {
    let run = try cairn.begin(
      ["run", "--workspace", "none"] + options + ["--", "sh", "-c", "cd /dev && ls -d test-* 2>/dev/null; true"]
    ).finish()
    guard run.code == 0 else { throw CairnInstance.Problem(description: "\(run)") }
    return Set(run.output.split(separator: "\n").map { String($0.dropFirst(5)) })
  }

  private func wait(_ cairn: CairnInstance, _ job: String) throws -> String? {
    let shown = try cairn.json("job", "show", job)["job"] as? [String: Any]
    return (shown?["waits_for"] as? [String: Any])?["code"] as? String
  }

  private func listed(_ cairn: CairnInstance) throws -> [[String: Any]] {
    try cairn.json("gpu", "ls")["gpus"] as? [[String: Any]] ?? []
  }

  @Test func `jobs get the GPUs and MIG instances that they are leased, and see no others`() throws {
    try withGPUs { cairn, gpus in
      #expect(try listed(cairn).compactMap { $0["uuid"] as? String } == gpus.gpus)
      #expect(try devices(cairn, "--gpus", "2") == Set(gpus.gpus[..<2]))
      #expect(try devices(cairn) == [])
      let one = try devices(cairn, "--gpu-mig", "1g.5gb")
      #expect(one.count == 1 && one.isSubset(of: gpus.instances))
      // It is divided, so nobody gets it whole.
      #expect(try cairn.cairn("run", "--gpus", "3", "--workspace", "none", "--", "true").code == 1)
    }
  }

  @Test func `a GPU that is lost, or asks to be reset, is handed out no more, until it is well`() throws {
    try withGPUs { cairn, gpus in
      try gpus.set("lost", gpus.gpus[0])
      #expect(try devices(cairn, "--gpus", "1") == [gpus.gpus[1]])
      #expect(try devices(cairn) == [])
      #expect(try devices(cairn, "--gpu-mig", "1g.5gb").count == 1)
      let listed = try cairn.cairn("gpu", "ls")
      #expect(listed.output.contains("faulty") && listed.output.contains("GPU 0 can't be used: Unable to"), "\(listed)")
      let both = try cairn.cairn("run", "--detach", "--gpus", "2", "--workspace", "none", "--", "true").output
        .trimmingCharacters(in: .newlines)
      try cairn.eventually("it is said what it waits for") { try wait(cairn, both) == "gpus_faulty" }
      // It holds up nobody else meanwhile.
      #expect(try devices(cairn, "--gpus", "1") == [gpus.gpus[1]])
      try gpus.set("lost", nil)
      try gpus.set("action-\(gpus.gpus[1])", "Drain and Reset")
      #expect(try self.listed(cairn).map { $0["fault"] == nil } == [true, false, true])
      #expect(try devices(cairn, "--gpus", "1") == [gpus.gpus[0]])
      #expect(try cairn.state(of: both) == "queued")
      // Whoever looks at the GPUs has the queue looked at, too.
      try gpus.set("action-\(gpus.gpus[1])", nil)
      #expect(try self.listed(cairn).allSatisfy { $0["fault"] == nil })
      try cairn.eventually("it has run", within: 60) { try cairn.state(of: both) == "succeeded" }

      // A daemon that is started while its driver tells nothing runs jobs all the same.
      try gpus.set("lost", "all")
      try cairn.killControlDaemon()
      #expect(try devices(cairn) == [])
    }
  }

  @Test func `a GPU that a program of somebody else is on is not handed out, until that is gone`() throws {
    try withGPUs { cairn, gpus in
      try gpus.set("busy-\(gpus.gpus[0])", "")
      #expect(try devices(cairn, "--gpus", "1") == [gpus.gpus[1]])
      let both = try cairn.cairn("run", "--detach", "--gpus", "2", "--workspace", "none", "--", "true").output
        .trimmingCharacters(in: .newlines)
      try cairn.eventually("it is said what it waits for") { try wait(cairn, both) == "gpus_in_use" }
      #expect(try listed(cairn).map { $0["busy_externally"] as? Bool } == [true, false, false])
      try gpus.set("busy-\(gpus.gpus[0])", nil)
      _ = try listed(cairn)
      try cairn.eventually("it has run", within: 60) { try cairn.state(of: both) == "succeeded" }
    }
  }
}
