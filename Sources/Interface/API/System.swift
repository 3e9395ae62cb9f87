import StorageAPI

/// `GET /v1/system/info`: what runs here, and where.
public struct SystemInfo: Codable, Equatable, Sendable {
  public var version: String
  public var pid: Int32
  public var uptimeSeconds: UInt64
  /// The control plane's directory.
  public var directory: String
  public var socket: String
  /// nil: no TCP door.
  public var listen: String?
  public var podmanVersion: String?
  /// The OCI runtime that works here; nil: none does.
  public var containerRuntime: String?
  public var cgroupMode: String
  /// nil: `cairnfsd` can't be reached.
  public var storage: StorageInformation?

  public init(
    version: String, pid: Int32, uptimeSeconds: UInt64, directory: String, socket: String, listen: String?,
    podmanVersion: String?, containerRuntime: String?, cgroupMode: String, storage: StorageInformation?
  ) {
    self.version = version
    self.pid = pid
    self.uptimeSeconds = uptimeSeconds
    self.directory = directory
    self.socket = socket
    self.listen = listen
    self.podmanVersion = podmanVersion
    self.containerRuntime = containerRuntime
    self.cgroupMode = cgroupMode
    self.storage = storage
  }
}

/// `GET /v1/system/doctor`: what this host has, what it lacks, and the command that mends it.
public struct DoctorReport: Codable, Equatable, Sendable {
  public enum Level: String, Codable, Sendable {
    case ok
    /// Cairn runs, with less.
    case warn
    /// Something needed is missing.
    case fail
  }

  public struct Finding: Codable, Equatable, Sendable {
    public var level: Level
    /// What was looked at, such as `podman`.
    public var subject: String
    /// What was found, and what follows from it.
    public var message: String
    /// The command that mends it, where there is one.
    public var remedy: String?

    public init(_ level: Level, _ subject: String, _ message: String, remedy: String? = nil) {
      self.level = level
      self.subject = subject
      self.message = message
      self.remedy = remedy
    }
  }

  public var findings: [Finding]

  public init(findings: [Finding]) { self.findings = findings }

  /// Whether something needed is missing.
  public var hasFailed: Bool { findings.contains { $0.level == .fail } }
}

/// A GPU of this host.
public struct GPU: Codable, Equatable, Sendable {
  /// What it is leased by, such as `GPU-6f2d…`.
  public var uuid: String
  public var index: Int
  public var name: String
  public var memoryBytes: UInt64
  /// The jobs that are on it; none: it is free, or somebody else's.
  public var holders: [GPUHolder]
  /// Whether a program that is no job is on it: it is not handed out.
  public var busyExternally: Bool
  /// Why it can't be used, and is not handed out; nil: it can.
  public var fault: String?
  /// The MIG instances that it is divided into.
  public var instances: [GPUInstance]
  /// How it is connected to each GPU, in the words of `nvidia-smi topo`; empty: nobody knows.
  public var links: [String]

  public init(
    uuid: String, index: Int, name: String, memoryBytes: UInt64, holders: [GPUHolder], busyExternally: Bool = false,
    fault: String? = nil, instances: [GPUInstance] = [], links: [String] = []
  ) {
    self.uuid = uuid
    self.index = index
    self.name = name
    self.memoryBytes = memoryBytes
    self.holders = holders
    self.busyExternally = busyExternally
    self.fault = fault
    self.instances = instances
    self.links = links
  }
}

/// `GET /v1/gpus`.
public struct GPUList: Codable, Equatable, Sendable {
  public var gpus: [GPU]

  public init(gpus: [GPU]) { self.gpus = gpus }
}
