/// A GPU of this host.
public struct GPU: Hashable, Codable, Sendable {
  /// What it is leased and passed on by, such as `GPU-6f2d…`.
  public let uuid: String
  /// Its number on this host.
  public let index: Int
  public let name: String
  public let memoryBytes: UInt64

  public init(uuid: String, index: Int, name: String, memoryBytes: UInt64) {
    self.uuid = uuid
    self.index = index
    self.name = name
    self.memoryBytes = memoryBytes
  }
}

/// A GPU and who holds it.
public struct GPUStatus: Hashable, Codable, Sendable {
  public let gpu: GPU
  /// The identifier of the job that holds it; nil: it is free.
  public let job: String?

  public init(gpu: GPU, job: String?) {
    self.gpu = gpu
    self.job = job
  }
}
