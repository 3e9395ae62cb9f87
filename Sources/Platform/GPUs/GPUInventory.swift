/// The GPUs of this host could not be found out.
public struct GPUInventoryError: Error, CustomStringConvertible, Sendable {
  let cause: String

  public var description: String {
    "nvidia-smi is installed but does not list this host's GPUs: \(cause); check the driver with nvidia-smi"
  }
}

/// The GPUs of this host, and how they are connected.
public struct GPUInventory: Hashable, Sendable {
  public var gpus: [GPU]
  /// For each pair of them, by their places in `gpus`, in the words of `nvidia-smi topo`; empty: nobody knows.
  public var links: [[String]] = []
  /// Whether they are those of `nvidia-smi`, and not declared by the configuration.
  public var isReal = false

  public init(gpus: [GPU]) { self.gpus = gpus }

  /// Asks `nvidia-smi`; where there is none there are no GPUs.
  /// - Throws: ``GPUInventoryError``
  public static func find() async throws -> GPUInventory {
    guard NVIDIASystemManagement.isInstalled else { return [] }
    var inventory = GPUInventory(
      gpus: try parse(
        await NVIDIASystemManagement.ask([
          "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits",
        ])))
    inventory.isReal = true
    let instances = parseInstances(try await NVIDIASystemManagement.ask(["--list-gpus"]))
    for index in inventory.gpus.indices {
      inventory.gpus[index].instances = instances[inventory.gpus[index].uuid] ?? []
    }
    if inventory.gpus.count > 1 {
      // Only says which are closer to each other; jobs run without.
      let matrix = try? await NVIDIASystemManagement.ask(["topo", "--matrix"])
      inventory.links = parseLinks(matrix ?? "", indices: inventory.gpus.map(\.index))
    }
    return inventory
  }

  /// For each pair of GPUs how well they are connected: more is better.
  public var closeness: [[Int]] { links.map { $0.map(Self.closeness) } }

  /// Parses a line for each GPU: its index, UUID, name, and MiB of memory, separated by commas.
  static func parse(_ text: String) throws -> [GPU] {
    try text.split(whereSeparator: \.isNewline).map { line in
      let fields = line.split(separator: ",").map { field in
        String(field.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
      }
      guard fields.count == 4, let index = Int(fields[0]), fields[1].hasPrefix("GPU-"), isIdentifier(fields[1]) else {
        throw GPUInventoryError(cause: "it answered \"\(line)\"")
      }
      // Some have no memory of their own, and say so in words.
      return GPU(uuid: fields[1], index: index, name: fields[2], memoryBytes: (UInt64(fields[3]) ?? 0) << 20)
    }
  }

  /// Parses the answer of `--list-gpus`: a line for each GPU, after it one for each of its MIG instances.
  /// - Returns: the instances by the GPU's UUID.
  static func parseInstances(_ text: String) -> [String: [GPUInstance]] {
    var instances: [String: [GPUInstance]] = [:]
    var gpu = ""
    for line in text.split(whereSeparator: \.isNewline) {
      guard let start = line.firstRange(of: "(UUID: ")?.upperBound, let end = line[start...].firstIndex(of: ")") else {
        continue
      }
      let uuid = String(line[start..<end])
      let words = line.split(separator: " ")
      if words.first == "GPU" { gpu = uuid }
      if words.first == "MIG", words.count > 1, isIdentifier(uuid) {
        instances[gpu, default: []].append(GPUInstance(uuid: uuid, profile: String(words[1])))
      }
    }
    return instances
  }

  /// Parses the answer of `topo --matrix`: a row for each GPU and network card, under a row of their names.
  /// - Returns: empty where it is not understood.
  static func parseLinks(_ text: String, indices: [Int]) -> [[String]] {
    var columns: [String] = []
    var rows: [String: [String]] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
      guard let first = words.first, first.hasPrefix("GPU") else { continue }
      if columns.isEmpty { columns = words } else { rows[first] = Array(words.dropFirst()) }
    }
    let places = indices.compactMap { columns.firstIndex(of: "GPU\($0)") }
    let links = indices.compactMap { index -> [String]? in
      guard let row = rows["GPU\(index)"], places.allSatisfy({ row.indices.contains($0) }) else { return nil }
      return places.map { row[$0] }
    }
    return places.count == indices.count && links.count == indices.count ? links : []
  }

  /// NVLinks before anything over PCIe, more of them before fewer; then the fewer bridges the better.
  private static func closeness(_ link: String) -> Int {
    if link.hasPrefix("NV"), let count = Int(link.dropFirst(2)) { return 10 + count }
    return ["SYS": 1, "NODE": 2, "PHB": 3, "PXB": 4, "PIX": 5][link] ?? 0
  }

  /// It becomes part of podman's arguments.
  private static func isIdentifier(_ text: String) -> Bool {
    text.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
    }
  }
}

extension GPUInventory: ExpressibleByArrayLiteral {
  public init(arrayLiteral gpus: GPU...) { self.init(gpus: gpus) }
}
