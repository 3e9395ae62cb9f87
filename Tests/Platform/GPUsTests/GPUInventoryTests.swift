import Testing

@testable import GPUs

struct GPUInventoryTests {
  @Test func `what nvidia-smi lists is parsed`() throws {
    let text = """
      0, GPU-1f0b6a0e-8f0a-4a0e-9c50-2b6f6f1f7a11, NVIDIA H100 80GB HBM3, 81559
      1, GPU-2, NVIDIA GB10, [N/A]
      """
    #expect(
      try GPUInventory.parse(text) == [
        GPU(
          uuid: "GPU-1f0b6a0e-8f0a-4a0e-9c50-2b6f6f1f7a11", index: 0, name: "NVIDIA H100 80GB HBM3",
          memoryBytes: 81559 << 20),
        GPU(uuid: "GPU-2", index: 1, name: "NVIDIA GB10", memoryBytes: 0),
      ])
    #expect(try GPUInventory.parse("") == [])
  }

  @Test func `what a GPU doesn't tell is nothing, and not 0`() {
    let used = GPUUsage.parse("GPU-1, 97, 70123, 655.31\nGPU-2, [N/A], 12, [N/A]\nFailed to initialize NVML\n")
    #expect(
      used == [
        GPUUsage(uuid: "GPU-1", utilizationPercent: 97, memoryMebibytes: 70123, powerWatts: 655.31),
        GPUUsage(uuid: "GPU-2", utilizationPercent: nil, memoryMebibytes: 12, powerWatts: nil),
      ])
  }

  @Test(arguments: [
    "No devices were found", "0, GPU-1", "x, GPU-1, A, 1", "0, GPU-1 --privileged, A, 1", "0, 17, A, 1",
  ])
  func `anything else is an error`(text: String) {
    #expect(throws: GPUInventoryError.self) { try GPUInventory.parse(text) }
  }

  @Test func `MIG instances are found with the GPU that they are of`() {
    let text = """
      GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1)
        MIG 3g.20gb     Device  0: (UUID: MIG-a)
        MIG 1g.5gb      Device  1: (UUID: MIG-b)
      GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-2)
      """
    #expect(
      GPUInventory.parseInstances(text) == [
        "GPU-1": [GPUInstance(uuid: "MIG-a", profile: "3g.20gb"), GPUInstance(uuid: "MIG-b", profile: "1g.5gb")]
      ])
    #expect(GPUInventory.parseInstances("  MIG 1g.5gb Device 0: (UUID: MIG-a --privileged)") == [:])
  }

  @Test func `the connections between GPUs are parsed, and cards are left out`() {
    let text = """
      \tGPU0\tGPU1\tGPU2\tNIC0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID
      GPU0\t X \tNV12\tSYS\tPXB\t0-15\t0\tN/A
      GPU1\tNV12\t X \tNODE\tPXB\t0-15\t0\tN/A
      GPU2\tSYS\tNODE\t X \tSYS\t16-31\t1\tN/A
      NIC0\tPXB\tPXB\tSYS\t X \t\t\t

      Legend:

        X    = Self
      """
    let links = GPUInventory.parseLinks(text, indices: [0, 1, 2])
    #expect(links == [["X", "NV12", "SYS"], ["NV12", "X", "NODE"], ["SYS", "NODE", "X"]])
    var inventory = GPUInventory(gpus: [])
    inventory.links = links
    #expect(inventory.closeness == [[0, 22, 1], [22, 0, 2], [1, 2, 0]])
    // GPU 3 is not in it.
    #expect(GPUInventory.parseLinks(text, indices: [0, 3]) == [])
    #expect(GPUInventory.parseLinks("Failed to initialize NVML", indices: [0]) == [])
  }

  @Test func `the GPUs that programs are on are told`() {
    #expect(GPUConditions.parsePrograms("GPU-1, 4711\nGPU-1, 4712\nGPU-3, 9\n") == ["GPU-1", "GPU-3"])
    #expect(GPUConditions.parsePrograms("No running processes found\n") == [])
  }

  @Test func `a GPU is faulty when its driver knows it no more, or asks for it to be recovered`() {
    func report(_ lines: String...) -> String {
      ([
        "==============NVSMI LOG==============", "Driver Version                        : 570.1",
        "GPU 00000000:C1:00.0", "    GPU UUID                          : GPU-1",
      ] + lines).joined(separator: "\n")
    }
    // Of a driver before 560.
    #expect(GPUConditions.parseFault(report(), of: "GPU-1") == nil)
    for well in ["None", "N/A"] {
      #expect(GPUConditions.parseFault(report("    GPU Recovery Action               : \(well)"), of: "GPU-1") == nil)
    }
    let fault = GPUConditions.parseFault(report("    GPU Recovery Action               : Reset  "), of: "GPU-1")
    #expect(fault?.hasSuffix(": Reset") ?? false)
    #expect(GPUConditions.parseFault(report(), of: "GPU-2") != nil)
    #expect(GPUConditions.parseFault("No devices were found\n", of: "GPU-1") != nil)
  }
}
