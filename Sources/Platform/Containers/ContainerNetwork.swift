/// A network of podman's, and who a container is in it.
public struct ContainerNetwork: Hashable, Sendable {
  public var name: String
  /// An IPv4 address of its subnet.
  public var address: String
  public var hostName: String
  /// Addresses that the container knows by name.
  public var hosts: [String: String]

  public init(name: String, address: String, hostName: String, hosts: [String: String]) {
    self.name = name
    self.address = address
    self.hostName = hostName
    self.hosts = hosts
  }

  /// The options of `podman run`.
  var arguments: [String] {
    ["--network", name, "--ip", address, "--hostname", hostName]
      + hosts.sorted { $0.key < $1.key }.flatMap { ["--add-host", "\($0.key):\($0.value)"] }
  }
}

extension Podman {
  /// Makes a network, unless there is one of this name, and returns its subnet, such as `10.89.0.0/24`.
  /// - Parameter label: `key=value`, by which it is found again.
  public func provide(network name: String, label: String) async throws -> String {
    // It is no error where there is one: an earlier daemon may have made it. (`--ignore` is newer than podman 4.3.)
    if try await !networks(label: label).contains(name) {
      try await podman("create network \(name)", ["network", "create", "--label", label, name], seconds: 60)
    }
    let result = try await podman(
      "inspect network \(name)", ["network", "inspect", name, "--format", "{{range .Subnets}}{{.Subnet}} {{end}}"],
      seconds: 60)
    let subnets = result.output.split(whereSeparator: \.isWhitespace).map(String.init)
    guard let subnet = subnets.first(where: { !$0.contains(":") }) else {
      throw ContainerError.refused(tried: "inspect network \(name)", cause: "it has no IPv4 subnet: \(result.output)")
    }
    return subnet
  }

  /// The names of all networks with this label, `key=value`.
  public func networks(label: String) async throws -> [String] {
    let result = try await podman(
      "list networks", ["network", "ls", "--filter", "label=\(label)", "--format", "{{.Name}}"], seconds: 60)
    return result.output.split(whereSeparator: \.isNewline).map(String.init)
  }

  /// Removes a network that no container uses any more. Does nothing if there is none.
  public func remove(network name: String, label: String) async throws {
    guard try await networks(label: label).contains(name) else { return }
    try await podman("remove network \(name)", ["network", "rm", name], seconds: 60)
  }
}
