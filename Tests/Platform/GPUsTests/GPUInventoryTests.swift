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
}
