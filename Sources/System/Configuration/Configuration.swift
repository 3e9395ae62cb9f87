/// What `/etc/cairn/cairn.yaml` says, over the defaults, under the environment. Both daemons and the
/// CLI read it.
public struct Configuration: Equatable, Sendable {
  public struct Storage: Equatable, Sendable {
    /// Superblock, catalog, journal, packs and staging.
    public var directory = "/var/lib/cairn/storage"
    /// Where the file system is mounted.
    public var mount = "/srv/cairn"
    /// Where the persistent volume is bound as well; nil: nowhere.
    public var persistentMount: String? = "/storage"
  }

  public struct Control: Equatable, Sendable {
    /// The control plane's records.
    public var directory = "/var/lib/cairn"
    /// Where the control plane listens for TCP; nil: nowhere.
    public var listen: ListenAddress? = ListenAddress(host: "127.0.0.1", port: 7070)
    /// What it asks of those who come by TCP.
    public var authentication = Authentication.token
    /// Which addresses webhooks may send to.
    public var webhooks = WebhookTargets.public
    /// GPUs that jobs get, in the place of those of `nvidia-smi`; nil: those.
    public var gpus: [DeclaredGPU]?
    /// After so many seconds what a project has used counts half when its turn is decided.
    public var fairShareHalfLifeSeconds = 86_400
    /// How many seconds a preempted job that handles SIGUSR1 has to write a checkpoint.
    public var checkpointGraceSeconds = 60
    /// The file of the key that secrets are encrypted with; nil: `secrets.key` in ``directory``.
    public var secretsKey: String?
    /// The most bytes of a disk that the log of a job's attempt takes.
    public var jobLogLimit: UInt64 = 256 << 20

    /// The path of the key that secrets are encrypted with.
    public var secretsKeyPath: String { secretsKey ?? directory + "/secrets.key" }
  }

  public enum WebhookTargets: String, Equatable, Sendable {
    /// Those of the internet.
    case `public`
    /// Also those of this host and of its networks, which trust whoever is within.
    case `private`
  }

  public struct Deployments: Equatable, Sendable {
    /// Where HAProxy listens for the requests of deployments; nil: nowhere.
    public var listen: ListenAddress? = ListenAddress(host: "127.0.0.1", port: 7071)
  }

  public enum Authentication: String, Equatable, Sendable {
    /// A token, as `cairn token create` prints one.
    case token
    /// Nothing: whoever has an account on this host may do everything. Only for an address of this host alone.
    case none
  }

  /// Where a default installation keeps the file.
  public static let defaultPath = "/etc/cairn/cairn.yaml"

  /// Holds the sockets.
  public var runDirectory = "/run/cairn"
  public var storage = Storage()
  public var control = Control()
  public var deployments = Deployments()

  public init() {}

  /// `cairnfsd` listens here.
  public var storageSocket: String { runDirectory + "/" + Self.storageSocketName }
  /// `cairnd` listens here.
  public var controlSocket: String { runDirectory + "/" + Self.controlSocketName }

  /// HAProxy's configuration and sockets.
  public var proxyDirectory: String { runDirectory + "/haproxy" }

  static let storageSocketName = "storage.sock"
  static let controlSocketName = "cairn.sock"
  /// HAProxy binds a socket under a name with its process's number in it, and then renames it.
  static let longestSocketName = "haproxy/runtime.sock.4194304.tmp"
}

/// An address and a port to listen on for TCP.
public struct ListenAddress: Equatable, Sendable, CustomStringConvertible {
  /// An IPv4 or IPv6 address in digits, without brackets.
  public var host: String
  /// 0: one that is free.
  public var port: UInt16

  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Whether only this host reaches it.
  public var isLoopback: Bool { host == "::1" || host.hasPrefix("127.") }
}

/// A configuration that can't be used.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible, Sendable {
  /// The file and line, or the variable, that it is about.
  public let place: String
  /// What is wrong and what would be right.
  public let reason: String

  public init(place: String, reason: String) {
    self.place = place
    self.reason = reason
  }

  public var description: String { "\(place): \(reason)" }
}
