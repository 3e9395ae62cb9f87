/// A part into which a GPU was divided by the driver (MIG), walled off from the others.
public struct MIGInstance: Hashable, Sendable {
  public var uuid: String
  /// Such as `1g.5gb`.
  public var profile: String

  public init(uuid: String, profile: String) {
    self.uuid = uuid
    self.profile = profile
  }
}

/// A GPU that jobs may get.
public struct HostGPU: Hashable, Sendable {
  public var uuid: String
  /// Where there are some, only they can be had; at most 64.
  public var instances: [MIGInstance]
  /// Whether a program that is no job is on it.
  public var isBusyExternally: Bool
  /// Whether it can't be used: whatever ends, nobody gets it.
  public var isFaulty: Bool

  public init(
    uuid: String, instances: [MIGInstance] = [], isBusyExternally: Bool = false, isFaulty: Bool = false
  ) {
    self.uuid = uuid
    self.instances = Array(instances.prefix(64))
    self.isBusyExternally = isBusyExternally
    self.isFaulty = isFaulty
  }
}

/// What a host has for jobs.
public struct Host: Sendable {
  public let gpus: [HostGPU]
  public let milliCPUs: Int
  public let memoryBytes: Int
  let islands: Islands
  /// Where the slots of a device's UUID are.
  let devices: [String: DevicePlace]

  /// - Parameter closeness: for each pair of GPUs, by their places in `gpus`, how well they are connected: more is
  ///   better. Empty: all pairs alike.
  public init(gpus: [HostGPU] = [], closeness: [[Int]] = [], milliCPUs: Int, memoryBytes: Int) {
    self.gpus = gpus
    self.milliCPUs = milliCPUs
    self.memoryBytes = memoryBytes
    islands = Islands(count: gpus.count, closeness: closeness)
    var devices: [String: DevicePlace] = [:]
    for (index, gpu) in gpus.enumerated() {
      devices[gpu.uuid] = DevicePlace(gpu: index, instance: nil)
      for (number, instance) in gpu.instances.enumerated() {
        devices[instance.uuid] = DevicePlace(gpu: index, instance: number)
      }
    }
    self.devices = devices
  }
}

struct DevicePlace: Hashable, Sendable {
  let gpu: Int
  /// nil: the GPU itself.
  let instance: Int?
}
