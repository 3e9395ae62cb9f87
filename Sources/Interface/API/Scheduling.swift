public import JobStates

/// What a queued job waits for.
public struct JobWait: Codable, Equatable, Sendable {
  public var code: WaitCode
  /// A sentence for people, that begins with a small letter.
  public var sentence: String

  public init(code: WaitCode, sentence: String) {
    self.code = code
    self.sentence = sentence
  }
}

/// The most that a project may have at once; nil: as much as there is. The body of `PUT /v1/projects/{project}/quota`.
public struct ProjectQuota: Codable, Equatable, Sendable {
  /// GPUs that its jobs hold together.
  public var gpus: Int?
  /// Jobs that hold resources.
  public var running: Int?
  /// Jobs that wait.
  public var queued: Int?

  public init(gpus: Int? = nil, running: Int? = nil, queued: Int? = nil) {
    self.gpus = gpus
    self.running = running
    self.queued = queued
  }
}

/// What a project has used of late: half of it is forgotten after each half-life.
public struct ProjectUsage: Codable, Equatable, Sendable {
  public var gpuSeconds: Double
  public var cpuSeconds: Double
  /// Its part of what all projects have used, from 0 to 1. The lower it is, the sooner its jobs have their turn.
  public var share: Double

  public init(gpuSeconds: Double, cpuSeconds: Double, share: Double) {
    self.gpuSeconds = gpuSeconds
    self.cpuSeconds = cpuSeconds
    self.share = share
  }
}

/// A job and what it holds of a GPU.
public struct GPUHolder: Codable, Equatable, Sendable {
  /// Its identifier.
  public var job: String
  /// Such as `1/4`, or a MIG instance's UUID; nil: the whole GPU.
  public var part: String?

  public init(job: String, part: String? = nil) {
    self.job = job
    self.part = part
  }
}

/// A MIG instance of a GPU.
public struct GPUInstance: Codable, Equatable, Sendable {
  public var uuid: String
  /// Such as `1g.5gb`.
  public var profile: String

  public init(uuid: String, profile: String) {
    self.uuid = uuid
    self.profile = profile
  }
}
