extension Podman {
  /// The host's address in the network that containers are given; nil: they use the host's own network.
  public func gateway() async throws -> String? {
    guard host.canRunContainers, host.network == .bridge else { return nil }
    let result = try await podman(
      "inspect podman's network",
      ["network", "inspect", "podman", "--format", "{{range .Subnets}}{{.Gateway}} {{end}}"],
      seconds: 60)
    let addresses = result.output.split(whereSeparator: \.isWhitespace).map(String.init)
    guard let address = addresses.first(where: { !$0.contains(":") }) else {
      throw ContainerError.refused(
        tried: "inspect podman's network", cause: "it has no IPv4 gateway: \(result.output.prefix(200))")
    }
    return address
  }
}
