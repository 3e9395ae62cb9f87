import Testing

@testable import Configuration

struct DeclaredGPUTests {
  private func gpus(_ yaml: String) throws -> [DeclaredGPU]? {
    var configuration = Configuration()
    try configuration.apply(yaml: yaml, file: "f")
    return configuration.control.gpus
  }

  @Test func `GPUs are declared by a list in the file, or by the variable`() throws {
    let yaml = """
      control:
        gpus:
          - {uuid: GPU-a, memory: 16g, nodes: [/dev/null, "/dev/zero:/dev/gpu"]}
          - uuid: GPU-b
            name: old
      """
    let expected = [
      DeclaredGPU(uuid: "GPU-a", memoryBytes: 16 << 30, nodes: ["/dev/null", "/dev/zero:/dev/gpu"]),
      DeclaredGPU(uuid: "GPU-b", name: "old"),
    ]
    #expect(try gpus(yaml) == expected)
    var configuration = Configuration()
    try configuration.apply(environment: ["CAIRN_CONTROL_GPUS": "[{uuid: GPU-c}]"])
    #expect(configuration.control.gpus == [DeclaredGPU(uuid: "GPU-c")])
    #expect(try gpus("control: {gpus: null}") == nil && gpus("control: {gpus: []}") == [])
  }

  @Test(arguments: [
    "fake", "[7]", "[{name: a}]", "[{uuid: 'a b'}]", "[{uuid: --privileged}]", "[{uuid: a}, {uuid: a}]",
    "[{uuid: a, memory: much}]", "[{uuid: a, memory: 99999999999999999999g}]", "[{uuid: a, nodes: /dev/null}]",
    "[{uuid: a, nodes: [/etc/passwd]}]", "[{uuid: a, nodes: [/dev/../etc/passwd]}]", "[{uuid: a, color: red}]",
  ])
  func `what can't be a GPU is refused`(value: String) {
    #expect(throws: ConfigurationError.self) { try gpus("control: {gpus: \(value)}") }
  }

  @Test func `times have a unit, and bounds`() throws {
    var configuration = Configuration()
    try configuration.apply(yaml: "control: {fair_share_half_life: 12h, checkpoint_grace: 90s}", file: "f")
    #expect(configuration.control.fairShareHalfLifeSeconds == 43200)
    #expect(configuration.control.checkpointGraceSeconds == 90)
    for value in ["90", "0s", "-1h", "1y", "9999999d", "null"] {
      #expect(throws: ConfigurationError.self) {
        try configuration.apply(yaml: "control: {fair_share_half_life: \(value)}", file: "f")
      }
    }
  }
}
