/// What a job of an experiment is given of it. Only Cairn itself sets this.
public struct JobExperiment: Hashable, Codable, Sendable {
  /// A network that a group's jobs have to themselves.
  public struct Network: Hashable, Codable, Sendable {
    /// As podman knows it.
    public var name: String
    public var address: String
    public var hostName: String
    /// The addresses of all of them, by name.
    public var hosts: [String: String]

    public init(name: String, address: String, hostName: String, hosts: [String: String]) {
      self.name = name
      self.address = address
      self.hostName = hostName
      self.hosts = hosts
    }
  }

  /// The experiment's identifier.
  public var id: String
  /// nil: the one that all jobs have.
  public var network: Network?

  public init(id: String, network: Network? = nil) {
    self.id = id
    self.network = network
  }
}
