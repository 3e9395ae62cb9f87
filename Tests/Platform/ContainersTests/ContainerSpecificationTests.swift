import Testing

@testable import Containers

struct ContainerSpecificationTests {
  private var host: HostReport {
    HostReport(
      podmanVersion: "5", runtime: "crun", cgroupMode: .unified, cgroupManager: "systemd", limitsMemory: true,
      limitsCPUs: true, limitsPIDs: true, network: .bridge, hasInit: true, findings: [])
  }

  private let limits = HostLimits(openFiles: 1000, processes: 2000, lockedMemory: true)

  private var specification: ContainerSpecification {
    ContainerSpecification(
      name: "cairn-x-1", root: .image("debian"), command: ["--privileged", "x"], workingDirectory: "/workspace",
      environment: ["A": "1", "B": "two\nlines"], logPath: "/l", environmentPath: "/e", cpus: 1.5, memoryBytes: 1 << 30,
      gpus: ["cairn.local/gpu=GPU-1"])
  }

  private func arguments(_ specification: ContainerSpecification, on host: HostReport) -> [String] {
    specification.arguments(on: host, limits: limits, sharedMemoryBytes: 1024)
  }

  @Test func `the image and the command are the last words`() {
    #expect(arguments(specification, on: host).suffix(5) == ["--entrypoint", "", "debian", "--privileged", "x"])
    var rooted = specification
    rooted.root = .directory("/r")
    #expect(arguments(rooted, on: host).suffix(4) == ["--rootfs", "/r", "--privileged", "x"])
  }

  @Test func `limits are asked for where the host has them, and only there`() {
    let all = arguments(specification, on: host)
    for option in ["--memory", "--memory-swap", "--cpus", "--pids-limit", "--init"] { #expect(all.contains(option)) }
    var poor = host
    (poor.limitsMemory, poor.limitsCPUs, poor.limitsPIDs, poor.hasInit) = (false, false, false, false)
    let few = arguments(specification, on: poor)
    for option in ["--memory", "--memory-swap", "--cpus", "--pids-limit", "--init"] { #expect(!few.contains(option)) }
  }

  @Test func `a group around the container is made with cgroups of version 1 only`() {
    #expect(!arguments(specification, on: host).contains("--cgroup-parent"))
    var hybrid = host
    (hybrid.cgroupMode, hybrid.cgroupManager) = (.hybrid, "cgroupfs")
    #expect(arguments(specification, on: hybrid).contains("/cairn/cairn-x-1"))
  }

  @Test func `a value of several lines goes by the command line, all others by the file`() {
    #expect(specification.environmentFile == "A=1\n")
    #expect(arguments(specification, on: host).contains("B=two\nlines"))
  }

  @Test func `GPUs are passed by their UUID`() {
    #expect(arguments(specification, on: host).contains("cairn.local/gpu=GPU-1"))
  }

  @Test(arguments: [
    ("exited 3 false 5000 4000 0 0\n", ContainerStatus.Phase.ended(exitCode: 3, outOfMemory: false, at: 5000)),
    ("exited 137 true 5000 4000 0 0\n", .ended(exitCode: 137, outOfMemory: true, at: 5000)),
    ("running 0 false -62135596800000000000 4000 12 13\n", nil), ("running 0 false 0 4000 12 13\n", .running),
    ("created 0 false 0 0 0 0", .created), ("", nil), ("running 0 false", nil), ("dancing 0 false 0 0 0 0", nil),
  ])
  func `what podman says of a container is parsed`(text: String, phase: ContainerStatus.Phase?) {
    #expect(ContainerStatus(parsing: text)?.phase == phase)
  }

  @Test(arguments: [
    (" 10.88.0.7", "10.88.0.7"), (" fd00::7 10.88.0.7 10.89.0.2", "10.88.0.7"), (" fd00::7", nil), ("", nil),
  ])
  func `a container's address is the first of its IPv4 ones`(addresses: String, address: String?) {
    #expect(ContainerStatus(parsing: "running 0 false 0 4000 12 13\(addresses)\n")?.address == address)
  }
}
