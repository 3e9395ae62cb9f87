import ControlDatabase
import FoundationEssentials
import GPUs
import JobStates
import Jobs
import Testing

/// From a lease to what a container sees, by podman's Container Device Interface, with GPUs that are only declared.
struct GPUTests {
  private func inventory() -> GPUInventory {
    GPUInventory(
      gpus: (0..<2).map { index in
        var gpu = GPU(
          uuid: "GPU-\(UUID().uuidString.lowercased())", index: index, name: "declared", memoryBytes: 1 << 30)
        gpu.declaredNodes = ["/dev/zero:/dev/declared\(index)"]
        return gpu
      })
  }

  @Test func `a job sees the GPU that it was leased and no other, and one that finds none free says so`() async throws {
    let inventory = inventory()
    try await withWorkbench(gpus: inventory) { bench in
      let script = """
        for gpu in 0 1; do [ ! -c /dev/declared$gpu ] || echo "node $gpu"; done
        env | grep ^CAIRN_DECLARED
        echo ready
        while [ ! -e /storage/go ]; do sleep 0.05; done
        """
      let first = try await bench.submit(script) { $0.gpus = 1 }
      let second = try await bench.submit(script) { $0.gpus = 1 }
      let third = try await bench.submit(script) { $0.gpus = 1 }
      try await bench.waitForLine("ready", of: first)
      try await bench.waitForLine("ready", of: second)
      let wait = try #require(await bench.jobs.waits(of: [third.id])[third.id])
      #expect(wait.code == .gpus && wait.sentence.hasPrefix("waits for 1 GPU; 0 free; job \(first.id) must end"))
      let status = try await bench.jobs.gpuStatus()
      #expect(status.map { $0.holders.map(\.job) } == [[first.id], [second.id]])

      try Data().write(to: URL(filePath: bench.storage.mount + "/storage/go"))
      for (job, number) in [(first, 0), (second, 1)] {
        let lines = try await bench.log(of: bench.jobs.wait(for: job.id))
        #expect(lines == ["node \(number)", "CAIRN_DECLARED_GPU_\(number)=\(inventory.gpus[number].uuid)", "ready"])
      }
      #expect(try await bench.jobs.wait(for: third.id).state == .succeeded)
      let lines = try await bench.log(of: third)
      #expect(lines.count == 3)
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: "/var/run/cdi").filter { name in
      let text = try? String(contentsOf: URL(filePath: "/var/run/cdi/\(name)"), encoding: .utf8)
      return text?.contains(inventory.gpus[0].uuid) ?? false
    }
    #expect(left == [])
  }

  @Test func `two jobs share a GPU by shards, and one without a GPU sees none`() async throws {
    try await withWorkbench(gpus: inventory()) { bench in
      let share = try #require(GPUShare("1/2"))
      let script = "ls /dev | grep declared; echo ready; while [ ! -e /storage/go ]; do sleep 0.05; done"
      let jobs = [
        try await bench.submit(script) { $0.gpuShare = share }, try await bench.submit(script) { $0.gpuShare = share },
      ]
      for job in jobs { try await bench.waitForLine("ready", of: job) }
      let status = try await bench.jobs.gpuStatus()
      #expect(status[0].holders.map(\.part) == ["1/2", "1/2"] && status[1].holders == [])
      #expect(try await bench.log(of: bench.run("ls /dev | grep declared; true")) == [])
      try Data().write(to: URL(filePath: bench.storage.mount + "/storage/go"))
      for job in jobs { #expect(try await bench.log(of: bench.jobs.wait(for: job.id)) == ["declared0", "ready"]) }
    }
  }
}
