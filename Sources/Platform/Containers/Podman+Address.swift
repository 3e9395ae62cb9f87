extension Podman {
  /// A container's IPv4 address in the network that it was given; nil: it uses the host's own, or has ended.
  public func address(of name: String) async throws -> String? {
    let result = try await podman(
      "inspect container \(name)",
      ["container", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", name],
      seconds: 60)
    return result.output.split(whereSeparator: \.isWhitespace).map(String.init).first { !$0.contains(":") }
  }
}
