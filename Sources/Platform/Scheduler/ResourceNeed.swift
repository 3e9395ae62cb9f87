public import JobStates

/// What of the host's GPUs a job needs.
public enum GPUNeed: Hashable, Sendable {
  case none
  /// At least one, all to itself.
  case whole(Int)
  /// Shards of one GPU that only jobs with shards of the same size are on.
  case share(GPUShare)
  /// A MIG instance of this profile, such as `1g.5gb`.
  case instance(profile: String)

  /// Thousandths of a GPU that it counts for, against a quota and for a fair share.
  public var milliGPUs: Int {
    switch self {
    case .none: 0
    case .whole(let count): count * 1000
    case .share(let share): (share.shards * 1000 + share.of - 1) / share.of
    case .instance(let profile): min(profile.prefix { $0.isNumber }.compactMap(\.wholeNumberValue).first ?? 1, 7) * 143
    }
  }
}

/// What a job takes of the host.
public struct ResourceNeed: Hashable, Sendable {
  public var gpus: GPUNeed
  /// nil: it does not say, and counts for one processor where there are enough.
  public var milliCPUs: Int?
  /// 0: it does not say.
  public var memoryBytes: Int

  public init(gpus: GPUNeed = .none, milliCPUs: Int? = nil, memoryBytes: Int = 0) {
    self.gpus = gpus
    self.milliCPUs = milliCPUs
    self.memoryBytes = memoryBytes
  }

  /// Thousandths of a processor that are taken when it runs.
  var takenMilliCPUs: Int { milliCPUs ?? 1000 }
}

/// A GPU, a shard of one, or a MIG instance, as it is leased.
public struct DeviceSlot: Hashable, Sendable {
  /// The UUID of the GPU or of the MIG instance.
  public var device: String
  /// From 0.
  public var shard: Int
  /// How many shards the device is divided into; 1: it is leased whole.
  public var shards: Int

  public init(device: String, shard: Int = 0, shards: Int = 1) {
    self.device = device
    self.shard = shard
    self.shards = shards
  }
}
