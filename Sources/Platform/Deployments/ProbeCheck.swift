import Linux

extension Probes.Check {
  /// Looks at a replica.
  /// - Returns: what is wrong, in words; nil: all is well.
  func fault(at address: ReplicaAddress, timeoutSeconds: Double) async throws -> String? {
    do {
      let socket = try await ClientSocket(
        .tcp(host: address.host, port: address.port), seconds: timeoutSeconds)
      guard case .http(let path) = self else { return nil }
      try await socket.send("GET \(path) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\nAccept: */*\r\n\r\n")
      let answer = String(decoding: try await socket.receive(atLeast: 16), as: UTF8.self)
      let words = answer.split(separator: " ")
      guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1].prefix(3)) else {
        return "GET \(path) was not answered in HTTP/1"
      }
      return (200..<400).contains(status) ? nil : "GET \(path) was answered \(status)"
    } catch is CancellationError {
      throw CancellationError()
    } catch let error as SystemError {
      return "\(error)"
    } catch {
      return "\(self): \(error)"
    }
  }
}

/// Where a replica listens.
struct ReplicaAddress: Hashable, Sendable, CustomStringConvertible {
  /// IPv4, in digits.
  let host: String
  let port: UInt16

  init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// nil: `text` is no address and port.
  init?(_ text: String) {
    let parts = text.split(separator: ":")
    guard parts.count == 2, let port = UInt16(parts[1]) else { return nil }
    (host, self.port) = (String(parts[0]), port)
  }

  var description: String { "\(host):\(port)" }
}
