import Yams

/// A GPU that the configuration declares: one that `nvidia-smi` does not know, or none at all, to try things out.
public struct DeclaredGPU: Equatable, Sendable {
  /// What it is leased by; letters, digits and dashes.
  public var uuid: String
  public var name: String
  public var memoryBytes: UInt64
  /// Device nodes that a container gets with it, each as `/dev/one` or `/dev/one:/dev/as`.
  public var nodes: [String]

  public init(uuid: String, name: String = "declared", memoryBytes: UInt64 = 0, nodes: [String] = []) {
    self.uuid = uuid
    self.name = name
    self.memoryBytes = memoryBytes
    self.nodes = nodes
  }

  /// Parses a YAML list such as `[{uuid: GPU-a, memory: 16g, nodes: [/dev/null]}]`.
  static func parse(_ text: String, key: String) throws(ConfigurationKey.InvalidValue) -> [DeclaredGPU] {
    let root = try? Yams.compose(yaml: text)
    guard case .sequence(let list)? = root, list.count <= 64 else {
      throw .init(
        "\(key) is a list of up to 64 GPUs, such as [{uuid: GPU-a, memory: 16g, nodes: [/dev/null]}], or null")
    }
    var gpus: [DeclaredGPU] = []
    for node in list { gpus.append(try gpu(node, key: key)) }
    guard Set(gpus.map(\.uuid)).count == gpus.count else { throw .init("\(key) has a uuid twice") }
    return gpus
  }

  private static func gpu(_ node: Node, key: String) throws(ConfigurationKey.InvalidValue) -> DeclaredGPU {
    guard case .mapping(let fields) = node else { throw .init("\(key): a GPU is a mapping with a uuid") }
    var gpu = DeclaredGPU(uuid: "")
    for (nameNode, value) in fields {
      let name = nameNode.string ?? ""
      switch name {
      case "uuid": gpu.uuid = value.string ?? ""
      case "name": gpu.name = value.string ?? ""
      case "memory":
        guard let bytes = value.string.flatMap(bytes) else { throw .init("\(key): memory is a size such as 16g") }
        gpu.memoryBytes = bytes
      case "nodes": gpu.nodes = value.sequence.map { $0.map { $0.string ?? "" } } ?? [""]
      default: throw .init("\(key): a GPU has no \(name); it has uuid, name, memory and nodes")
      }
    }
    // It becomes part of podman's arguments.
    guard (1...64).contains(gpu.uuid.utf8.count), gpu.uuid.utf8.allSatisfy(isLetterDigitOrDash), gpu.uuid.first != "-"
    else {
      throw .init("\(key): a uuid has 1 to 64 letters, digits and dashes; \(gpu.uuid.debugDescription) is none")
    }
    guard gpu.nodes.allSatisfy({ $0.hasPrefix("/dev/") && !$0.contains("..") }) else {
      throw .init("\(key): nodes are paths below /dev, such as [/dev/null] or [/dev/null:/dev/gpu0]")
    }
    return gpu
  }

  private static func bytes(_ text: String) -> UInt64? {
    let units: [Character: UInt64] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
    guard let unit = text.last.flatMap({ units[$0] }), let number = UInt64(text.dropLast()), number <= 1 << 20 else {
      return nil
    }
    return number * unit
  }

  private static func isLetterDigitOrDash(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D
  }
}
