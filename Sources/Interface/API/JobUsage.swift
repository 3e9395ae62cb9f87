/// `GET /v1/jobs/{job}/usage`: what an attempt used of the host.
public struct JobUsage: Codable, Equatable, Sendable {
  public var job: String
  public var attempt: Int
  /// The first first; evenly spaced, at most 1024.
  public var samples: [UsageSample]

  public init(job: String, attempt: Int, samples: [UsageSample]) {
    self.job = job
    self.attempt = attempt
    self.samples = samples
  }
}

public struct UsageSample: Codable, Equatable, Sendable {
  /// Since 1970.
  public var timeNanoseconds: Int64
  /// Of all processors together, since the attempt was started.
  public var processorSeconds: Double
  /// The most since the sample before.
  public var memoryBytes: UInt64
  /// Of disks, since the attempt was started; nil: unknown.
  public var readBytes: UInt64?
  public var writtenBytes: UInt64?
  /// nil: it has none, or they were not looked at.
  public var gpus: [GPUSample]?

  public init(
    timeNanoseconds: Int64, processorSeconds: Double, memoryBytes: UInt64, readBytes: UInt64?, writtenBytes: UInt64?,
    gpus: [GPUSample]?
  ) {
    self.timeNanoseconds = timeNanoseconds
    self.processorSeconds = processorSeconds
    self.memoryBytes = memoryBytes
    self.readBytes = readBytes
    self.writtenBytes = writtenBytes
    self.gpus = gpus
  }
}

/// Of one GPU.
public struct GPUSample: Codable, Equatable, Sendable {
  public var uuid: String
  public var utilizationPercent: Double?
  public var memoryMebibytes: Double?
  public var powerWatts: Double?

  public init(uuid: String, utilizationPercent: Double?, memoryMebibytes: Double?, powerWatts: Double?) {
    self.uuid = uuid
    self.utilizationPercent = utilizationPercent
    self.memoryMebibytes = memoryMebibytes
    self.powerWatts = powerWatts
  }
}
