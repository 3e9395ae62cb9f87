/// What a container is to be, as podman is told it.
public struct ContainerSpecification: Hashable, Sendable {
  public enum Root: Hashable, Sendable {
    /// An image that is on this host.
    case image(String)
    /// A directory, such as a ``HostOverlay``'s.
    case directory(String)
  }

  public struct Mount: Hashable, Sendable {
    public enum Source: Hashable, Sendable {
      case directory(String, readOnly: Bool)
      /// An empty one in memory, which hides what is there.
      case empty
    }

    public var source: Source
    /// Where it is in the container.
    public var destination: String

    public init(_ source: Source, at destination: String) {
      self.source = source
      self.destination = destination
    }

    var option: String {
      switch source {
      // rslave: what is mounted below it on the host later appears in the container too, and nothing
      // that the container mounts appears on the host.
      case .directory(let path, let readOnly):
        "type=bind,source=\(path),destination=\(destination),bind-propagation=rslave" + (readOnly ? ",ro=true" : "")
      // Without notmpcopyup the runtime copies into it what it is meant to hide.
      case .empty: "type=tmpfs,destination=\(destination),notmpcopyup"
      }
    }
  }

  /// Unique on this host.
  public var name: String
  public var root: Root
  public var command: [String]
  /// Whether the image's own entry point runs, with `command` as its arguments.
  public var keepsEntryPoint = false
  /// nil: the image's.
  public var workingDirectory: String?
  public var environment: [String: String]
  public var mounts: [Mount]
  public var labels: [String: String]
  /// The file that gets its output.
  public var logPath: String
  /// A file for the environment, which only root reads; it is written at the start.
  public var environmentPath: String
  public var cpus: Double?
  public var memoryBytes: UInt64?
  /// As podman knows them by the Container Device Interface, such as `cairn.local/gpu=GPU-6f2d…`.
  public var gpus: [String]
  public var user: String?
  /// Where the host listens for the container.
  public var ports: [ContainerPort] = []
  /// nil: the one that this host offers to all.
  public var network: ContainerNetwork?

  public init(
    name: String, root: Root, command: [String], workingDirectory: String?, environment: [String: String] = [:],
    mounts: [Mount] = [], labels: [String: String] = [:], logPath: String, environmentPath: String,
    cpus: Double? = nil, memoryBytes: UInt64? = nil, gpus: [String] = [], user: String? = nil
  ) {
    self.name = name
    self.root = root
    self.command = command
    self.workingDirectory = workingDirectory
    self.environment = environment
    self.mounts = mounts
    self.labels = labels
    self.logPath = logPath
    self.environmentPath = environmentPath
    self.cpus = cpus
    self.memoryBytes = memoryBytes
    self.gpus = gpus
    self.user = user
  }

  /// The words after `podman … run`.
  func arguments(on host: HostReport, limits: HostLimits, sharedMemoryBytes: UInt64) -> [String] {
    var arguments = [
      "--detach", "--name", name, "--pull", "never", "--systemd", "false", "--sdnotify", "ignore",
      "--log-driver", "k8s-file", "--log-opt", "path=\(logPath)",
      "--shm-size", "\(sharedMemoryBytes)b", "--env-file", environmentPath,
    ]
    arguments += network?.arguments ?? ["--network", host.network.rawValue]
    if let workingDirectory { arguments += ["--workdir", workingDirectory] }
    arguments += limits.arguments
    if host.hasInit { arguments.append("--init") }
    // Enough for any training, too few for a fork bomb to take the host with it.
    if host.limitsPIDs { arguments += ["--pids-limit", "\(min(limits.processes, 32768))"] }
    if let cpus, host.limitsCPUs { arguments += ["--cpus", "\(cpus)"] }
    if let memoryBytes, host.limitsMemory {
      // Swap is no more memory: a job over its limit is to be told so, not to crawl.
      arguments += ["--memory", "\(memoryBytes)b", "--memory-swap", "\(memoryBytes)b"]
      if let parent = MemoryCgroup(container: name, host: host)?.parent { arguments += ["--cgroup-parent", parent] }
    }
    if let user { arguments += ["--user", user] }
    for gpu in gpus { arguments += ["--device", gpu] }
    for port in ports where host.network == .bridge {
      arguments += ["--publish", "\(port.address):\(port.host.map(String.init) ?? ""):\(port.container)/tcp"]
    }
    for mount in mounts { arguments += ["--mount", mount.option] }
    for (key, value) in labels.sorted(by: { $0.key < $1.key }) { arguments += ["--label", "\(key)=\(value)"] }
    // The file is read line by line: what does not fit in one goes by the command line.
    for (key, value) in environment.sorted(by: { $0.key < $1.key }) where !Self.fitsFile(value) {
      arguments += ["--env", "\(key)=\(value)"]
    }
    // podman takes the first word that is no option for the image, and an empty entry point for none:
    // an image's own would otherwise get the command as its arguments.
    if !keepsEntryPoint { arguments += ["--entrypoint", ""] }
    switch root {
    case .image(let image): arguments.append(image)
    case .directory(let path): arguments += ["--rootfs", path]
    }
    return arguments + command
  }

  var environmentFile: String {
    environment.filter { Self.fitsFile($0.value) }.sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value)\n" }.joined()
  }

  /// Whether a value can be handed over in a file, unseen.
  public static func fitsFile(_ value: String) -> Bool {
    !value.unicodeScalars.contains { $0.value < 32 && $0.value != 9 }
  }

  /// Whether something can be mounted at a path in a container.
  public static func fitsMountPoint(_ path: String) -> Bool {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    // A comma would end the option in which podman is told of it.
    return path.hasPrefix("/") && path.utf8.count < 1000 && parts.count > 1
      && !parts.dropFirst().contains { $0.isEmpty || $0 == "." || $0 == ".." }
      && !path.unicodeScalars.contains { $0.value < 32 || $0 == "," }
  }
}
