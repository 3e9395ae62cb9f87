import Containers
import ControlDatabase
import Glibc
import JobStates

extension ContainerPort {
  init(_ port: PublishedPort) { self.init(address: port.address, host: port.host, container: port.container) }
}

extension PublishedPort {
  init(_ port: ContainerPort) { self.init(address: port.address, host: port.host, container: port.container) }
}

/// Refuses ports that can't be published.
func check(_ ports: [PublishedPort]) throws {
  guard ports.count <= 100 else { throw ControlError(.invalid, subject: "ports", "a job has 100 ports at most") }
  for port in ports {
    var address = in_addr()
    guard inet_pton(AF_INET, port.address, &address) == 1 else {
      throw ControlError(
        .invalid, subject: port.address,
        "\(port.address) is no IPv4 address; give a port as 8080, 9000:8080 or 0.0.0.0:9000:8080")
    }
    guard port.container > 0, port.host != 0 else {
      throw ControlError(.invalid, subject: "ports", "a port is a number from 1 to 65535")
    }
  }
  guard Set(ports.map(\.container)).count == ports.count else {
    throw ControlError(.invalid, subject: "ports", "a port of the container can be published once")
  }
}
