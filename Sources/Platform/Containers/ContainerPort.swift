/// A TCP port of a container that the host listens on for it.
public struct ContainerPort: Hashable, Sendable {
  /// An IPv4 address of the host, in digits.
  public var address: String
  /// nil: one that is free is chosen.
  public var host: UInt16?
  public var container: UInt16

  public init(address: String, host: UInt16?, container: UInt16) {
    self.address = address
    self.host = host
    self.container = container
  }

  /// Parses a line of `podman port`, such as `8080/tcp -> 127.0.0.1:40001`.
  init?(parsing line: some StringProtocol) {
    let words = line.split(separator: " ")
    guard words.count == 3, words[1] == "->", words[0].hasSuffix("/tcp"),
      let container = UInt16(words[0].dropLast(4)), let colon = words[2].lastIndex(of: ":"),
      let host = UInt16(words[2][words[2].index(after: colon)...])
    else { return nil }
    self.init(address: String(words[2][..<colon]), host: host, container: container)
  }
}

extension Podman {
  /// Where the host listens for a container. In the host's own network that is where the container does.
  /// - Parameter ports: that it was to have.
  public func ports(of name: String, _ ports: [ContainerPort]) async throws -> [ContainerPort] {
    if ports.isEmpty { return [] }
    guard host.network == .bridge else {
      return ports.map { .init(address: "127.0.0.1", host: $0.container, container: $0.container) }
    }
    let result = try await podman("list ports of container \(name)", ["port", name], seconds: 60)
    return result.output.split(whereSeparator: \.isNewline).compactMap { ContainerPort(parsing: $0) }
  }
}
