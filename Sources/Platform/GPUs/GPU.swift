/// A GPU of this host.
public struct GPU: Hashable, Codable, Sendable {
  /// What it is leased and passed on by, such as `GPU-6f2d…`.
  public let uuid: String
  /// Its number on this host.
  public let index: Int
  public let name: String
  public let memoryBytes: UInt64
  /// The MIG instances that it is divided into; where there are some, only they can be had.
  public var instances: [GPUInstance] = []
  /// Device nodes that a container gets for it, where the configuration declares it; nil: it is a real one.
  public var declaredNodes: [String]?

  /// The UUIDs of what can be leased of it: itself, and its MIG instances.
  public var devices: [String] { [uuid] + instances.map(\.uuid) }

  public init(uuid: String, index: Int, name: String, memoryBytes: UInt64) {
    self.uuid = uuid
    self.index = index
    self.name = name
    self.memoryBytes = memoryBytes
  }
}

/// A MIG instance: a part of a GPU that is walled off from the others.
public struct GPUInstance: Hashable, Codable, Sendable {
  /// Such as `MIG-c6d4…`.
  public let uuid: String
  /// Such as `1g.5gb`.
  public let profile: String

  public init(uuid: String, profile: String) {
    self.uuid = uuid
    self.profile = profile
  }
}

/// A GPU and who is on it.
public struct GPUStatus: Hashable, Sendable {
  /// A job and what it holds of the GPU.
  public struct Holder: Hashable, Sendable {
    /// The job's identifier.
    public let job: String
    /// Such as `1/4`, or a MIG instance's UUID; nil: the whole GPU.
    public let part: String?

    public init(job: String, part: String?) {
      self.job = job
      self.part = part
    }
  }

  public let gpu: GPU
  public let holders: [Holder]
  /// Whether a program that is no job is on it.
  public let isBusyExternally: Bool
  /// Why it can't be used; nil: it can.
  public let fault: String?
  /// How it is connected to each of the other GPUs, in the words of `nvidia-smi topo`; empty: nobody knows.
  public let links: [String]

  public init(gpu: GPU, holders: [Holder], isBusyExternally: Bool, fault: String?, links: [String]) {
    self.gpu = gpu
    self.holders = holders
    self.isBusyExternally = isBusyExternally
    self.fault = fault
    self.links = links
  }
}
