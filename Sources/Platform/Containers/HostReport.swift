/// What this host offers to containers, found out by trying.
public struct HostReport: Hashable, Codable, Sendable {
  public enum CgroupMode: String, Codable, Sendable {
    /// Version 2 only.
    case unified
    /// Version 1, perhaps with version 2 beside it.
    case hybrid
    case absent
  }

  public enum Network: String, Codable, Sendable {
    /// A network of its own for each container, with a way out.
    case bridge
    /// The host's own.
    case host
  }

  /// One thing that was looked at.
  public struct Finding: Hashable, Codable, Sendable {
    public enum Level: String, Codable, Sendable {
      case good
      /// Jobs run, with less.
      case warning
      /// No job runs.
      case failure
    }

    public let level: Level
    /// What was looked at, such as `podman`.
    public let subject: String
    /// A sentence: what was found, and what follows from it.
    public let message: String
    /// The command that mends it, where there is one.
    public let remedy: String?

    public init(_ level: Level, _ subject: String, _ message: String, remedy: String? = nil) {
      self.level = level
      self.subject = subject
      self.message = message
      self.remedy = remedy
    }
  }

  /// nil: podman is missing.
  public var podmanVersion: String?
  /// The OCI runtime that started a container here, such as `crun`; nil: none did.
  public var runtime: String?
  public var cgroupMode: CgroupMode
  /// Who makes the groups, as podman says it: `systemd` or `cgroupfs`.
  public var cgroupManager: String
  /// Whether limits on memory, processors and the number of processes hold.
  public var limitsMemory: Bool
  public var limitsCPUs: Bool
  public var limitsPIDs: Bool
  public var network: Network
  /// Whether containers get a first process that reaps and passes signals on.
  public var hasInit: Bool
  public var findings: [Finding]

  /// Whether jobs can run at all.
  public var canRunContainers: Bool { runtime != nil }
}
