import FoundationEssentials
import Testing

@testable import GPUs

struct CDITests {
  private static let generated = """
    cdiVersion: 0.7.0
    kind: nvidia.com/gpu
    annotations: {a: b}
    devices:
    - name: "0"
      containerEdits:
        deviceNodes:
        - {path: /dev/nvidia0, hostPath: /dev/nvidia0, major: 195, minor: 0, fileMode: 438, permissions: rwm}
        additionalGids: [44]
    - name: "1"
      containerEdits:
        deviceNodes: [{path: /dev/nvidia1}]
    - name: all
      containerEdits:
        deviceNodes: [{path: /dev/nvidia0}, {path: /dev/nvidia1}]
    containerEdits:
      env: [NVIDIA_VISIBLE_DEVICES=void]
      intelRdt: {closID: x}
      deviceNodes: [{path: /dev/nvidiactl}]
      hooks:
      - {hookName: createContainer, path: /usr/bin/nvidia-cdi-hook, args: [nvidia-cdi-hook, update-ldcache]}
      mounts:
      - {hostPath: /usr/lib/libcuda.so.1, containerPath: /usr/lib/libcuda.so.1, options: [ro, nosuid, rbind]}
    """

  private let gpus = [
    GPU(uuid: "GPU-a", index: 0, name: "A", memoryBytes: 0), GPU(uuid: "GPU-b", index: 1, name: "B", memoryBytes: 0),
  ]

  private func inDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = "/tmp/cairn-cdi.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }

  private func files(_ directory: String, generate: @escaping @Sendable () -> String? = { nil }) -> CDIFiles {
    var inventory = GPUInventory(gpus: gpus)
    inventory.isReal = true
    return CDIFiles(inventory, instance: "test", directories: [directory], generate: generate)
  }

  private func written(_ directory: String) throws -> String {
    try String(contentsOf: URL(filePath: directory + "/cairn.local-gpu.json"), encoding: .utf8)
  }

  @Test func `devices are found by their numbers, and what old podman does not know is left out`() throws {
    let source = try CDISpecification.parse(Self.generated)
    let reduced = CDISpecification.reduced(from: [source], for: gpus)
    #expect(reduced.cdiVersion == "0.5.0" && reduced.kind == "cairn.local/gpu")
    #expect(reduced.devices.map(\.name) == ["GPU-a", "GPU-b"])
    #expect(reduced.devices[0].containerEdits.deviceNodes?.map(\.path) == ["/dev/nvidia0"])
    #expect(reduced.containerEdits?.env == ["NVIDIA_VISIBLE_DEVICES=void"])
    #expect(reduced.containerEdits?.hooks?.count == 1 && reduced.containerEdits?.mounts?.count == 1)
    let text = String(decoding: try JSONEncoder().encode(reduced), as: UTF8.self)
    for field in ["additionalGids", "intelRdt", "annotations"] { #expect(!text.contains(field)) }
  }

  @Test func `MIG instances are found by UUID, or by both their numbers`() throws {
    var gpu = gpus[0]
    gpu.instances = [GPUInstance(uuid: "MIG-x", profile: "1g.5gb"), GPUInstance(uuid: "MIG-y", profile: "1g.5gb")]
    func device(_ name: String, _ node: String) -> CDISpecification.Device {
      .init(name: name, containerEdits: .init(deviceNodes: [.init(path: node)]))
    }
    let source = CDISpecification(
      cdiVersion: "0.5.0", kind: "nvidia.com/gpu", devices: [device("0:1", "/dev/y"), device("MIG-x", "/dev/x")])
    let reduced = CDISpecification.reduced(from: [source], for: [gpu])
    #expect(reduced.devices.map(\.name) == ["MIG-x", "MIG-y"])
    #expect(reduced.devices.map { $0.containerEdits.deviceNodes?[0].path } == ["/dev/x", "/dev/y"])
  }

  @Test func `the file is made when it is needed, and again when its source has changed or it is gone`() async throws {
    try await inDirectory { directory in
      let files = files(directory)
      await #expect(throws: CDIError.self) { try await files.names(of: ["GPU-a"]) }
      try Self.generated.write(toFile: directory + "/nvidia.yaml", atomically: true, encoding: .utf8)
      try "kind: other.com/net\ndevices: {".write(toFile: directory + "/other.yaml", atomically: true, encoding: .utf8)
      #expect(try await files.names(of: ["GPU-b", "GPU-a"]) == ["cairn.local/gpu=GPU-b", "cairn.local/gpu=GPU-a"])
      #expect(try written(directory).contains("/dev/nvidia0"))

      let changed = Self.generated.replacing("libcuda.so.1", with: "libcuda.so.550")
      try changed.write(toFile: directory + "/nvidia.yaml", atomically: true, encoding: .utf8)
      _ = try await files.names(of: ["GPU-a"])
      #expect(try written(directory).contains("libcuda.so.550"))

      try FileManager.default.removeItem(atPath: directory + "/cairn.local-gpu.json")
      _ = try await files.names(of: ["GPU-a"])
      #expect(try written(directory).contains("libcuda.so.550"))
      await #expect(throws: CDIError.self) { try await files.names(of: ["GPU-c"]) }
    }
  }

  @Test(arguments: ["kind: nvidia.com/gpu\ndevices: 7", "nvidia.com/ {", "kind: nvidia.com/gpu"])
  func `a source that can't be read is an error that names it`(text: String) async throws {
    try await inDirectory { directory in
      try text.write(toFile: directory + "/nvidia.yaml", atomically: true, encoding: .utf8)
      let error = await #expect(throws: CDIError.self) { try await files(directory).names(of: ["GPU-a"]) }
      #expect(error?.description.contains("nvidia.yaml") ?? false)
    }
  }

  @Test func `what the toolkit generates is used where no file is there, or where its driver is not there any more`()
    async throws
  {
    try await inDirectory { directory in
      func specification(_ library: String) -> String {
        """
        cdiVersion: 0.5.0
        kind: nvidia.com/gpu
        devices:
        - {name: GPU-a, containerEdits: {deviceNodes: [{path: /dev/null}]}}
        containerEdits: {mounts: [{hostPath: \(library), containerPath: /usr/lib/libcuda.so.1}]}
        """
      }
      let generated = specification("/bin/sh")
      let files = files(directory) { generated }
      #expect(try await files.names(of: ["GPU-a"]) == ["cairn.local/gpu=GPU-a"])
      #expect(try written(directory).contains("/bin/sh"))
      // A file of the administrator's goes before it.
      let source = directory + "/nvidia.yaml"
      try specification("/bin/cat").write(toFile: source, atomically: true, encoding: .utf8)
      _ = try await files.names(of: ["GPU-a"])
      #expect(try written(directory).contains("/bin/cat"))
      // Of a driver that has gone.
      try specification("/nowhere/libcuda.so.535").write(toFile: source, atomically: true, encoding: .utf8)
      _ = try await files.names(of: ["GPU-a"])
      #expect(try written(directory).contains("/bin/sh") && !written(directory).contains("535"))
      await #expect(throws: CDIError.self) { try await files.names(of: ["GPU-b"]) }
    }
  }
}
