import Glibc
import Yams

/// A file of the Container Device Interface: what a container gets with a device. Of the specification 0.5.0
/// (github.com/cncf-tags/container-device-interface, SPEC.md) only what old podman knows: its library refuses a file
/// with any other field. What a newer file says besides is left out when it is read.
struct CDISpecification: Codable, Hashable {
  struct Device: Codable, Hashable {
    var name: String
    var containerEdits: Edits
  }

  struct Edits: Codable, Hashable {
    var env: [String]?
    var deviceNodes: [DeviceNode]?
    var mounts: [Mount]?
    var hooks: [Hook]?
  }

  struct DeviceNode: Codable, Hashable {
    var path: String
    var hostPath: String?
    var type: String?
    var major: Int64?
    var minor: Int64?
    var fileMode: Int?
    var permissions: String?
    var uid: UInt32?
    var gid: UInt32?
  }

  struct Mount: Codable, Hashable {
    var hostPath: String
    var containerPath: String
    var options: [String]?
    var type: String?
  }

  struct Hook: Codable, Hashable {
    var hookName: String
    var path: String
    var args: [String]?
    var env: [String]?
    var timeout: Int?
  }

  var cdiVersion: String
  /// Vendor and class, such as `nvidia.com/gpu`.
  var kind: String
  var devices: [Device]
  var containerEdits: Edits?

  /// Parses JSON or YAML, of which the first is a part.
  static func parse(_ text: String) throws -> CDISpecification { try YAMLDecoder().decode(from: text) }
}

extension CDISpecification {
  /// Whether all that it puts into containers is there.
  var isOfThisHost: Bool {
    let edits = devices.map(\.containerEdits) + [containerEdits].compactMap { $0 }
    let paths = edits.flatMap { edit in
      (edit.mounts ?? []).map(\.hostPath) + (edit.deviceNodes ?? []).map { $0.hostPath ?? $0.path }
        + (edit.hooks ?? []).map(\.path)
    }
    return Set(paths).allSatisfy { access($0, F_OK) == 0 }
  }

  func has(_ names: [String]) -> Bool { Set(names).isSubset(of: devices.map(\.name)) }

  /// The kind under which Cairn hands devices to podman.
  static let ownKind = "cairn.local/gpu"

  /// Those of these GPUs, and of their MIG instances, that the sources know, each under its UUID.
  static func reduced(from sources: [CDISpecification], for gpus: [GPU]) -> CDISpecification {
    var devices: [Device] = []
    var common = Edits()
    var used: Set<CDISpecification> = []
    for gpu in gpus {
      // They are named by UUID, by number, or by both.
      let names =
        [(gpu.uuid, [gpu.uuid, "\(gpu.index)"])]
        + gpu.instances.enumerated().map { ($1.uuid, [$1.uuid, "\(gpu.index):\($0)"]) }
      for (uuid, aliases) in names {
        for source in sources where !devices.contains(where: { $0.name == uuid }) {
          guard let device = source.devices.first(where: { aliases.contains($0.name) }) else { continue }
          devices.append(Device(name: uuid, containerEdits: device.containerEdits))
          if used.insert(source).inserted, let edits = source.containerEdits { common.add(edits) }
        }
      }
    }
    return CDISpecification(cdiVersion: "0.5.0", kind: ownKind, devices: devices, containerEdits: common)
  }

  /// GPUs that the configuration declares.
  static func declared(_ gpus: [GPU]) -> CDISpecification {
    let devices = gpus.map { gpu in
      Device(
        name: gpu.uuid,
        containerEdits: Edits(
          env: ["CAIRN_DECLARED_GPU_\(gpu.index)=\(gpu.uuid)"],
          deviceNodes: (gpu.declaredNodes ?? []).map { node in
            // As `podman run --device` takes it: the host's path, and the container's if that is another.
            let paths = node.split(separator: ":", maxSplits: 1).map(String.init)
            return DeviceNode(path: paths.last ?? node, hostPath: paths.first)
          }))
    }
    return CDISpecification(cdiVersion: "0.5.0", kind: ownKind, devices: devices)
  }
}

extension CDISpecification.Edits {
  fileprivate mutating func add(_ other: Self) {
    env = (env ?? []) + (other.env ?? [])
    deviceNodes = (deviceNodes ?? []) + (other.deviceNodes ?? [])
    mounts = (mounts ?? []) + (other.mounts ?? [])
    hooks = (hooks ?? []) + (other.hooks ?? [])
  }
}
