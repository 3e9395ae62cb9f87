import Foundation
import Glibc

/// One request over TCP, with nothing in between that would mend it.
struct HTTPExchange {
  struct Answer {
    var status: Int
    var head: String
    var body: String

    func json() throws -> [String: Any] {
      guard let value = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] else {
        throw CairnInstance.Problem(description: "not an object: \(body)")
      }
      return value
    }
  }

  let port: UInt16
  var token: String?
  var headers: [String] = []

  /// In digits.
  let host: String

  init(port: UInt16, token: String? = nil, headers: [String] = [], host: String = "127.0.0.1") {
    self.host = host
    self.port = port
    self.token = token
    self.headers = headers
  }

  func get(_ path: String) throws -> Answer { try send("GET", path, nil) }

  func post(_ path: String, _ body: [String: Any]) throws -> Answer {
    try send("POST", path, String(decoding: JSONSerialization.data(withJSONObject: body), as: UTF8.self))
  }

  func send(_ method: String, _ path: String, _ body: String?) throws -> Answer {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
      throw CairnInstance.Problem(description: "not an address: \(host)")
    }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else { throw CairnInstance.Problem(description: "connect to port \(port): \(errno)") }
    var lines = ["\(method) \(path) HTTP/1.1", "Connection: close"]
    if !headers.contains(where: { $0.hasPrefix("Host:") }) { lines.append("Host: 127.0.0.1:\(port)") }
    lines += headers
    if let token { lines.append("Authorization: Bearer \(token)") }
    if let body { lines.append("Content-Length: \(body.utf8.count)") }
    let request = Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")).utf8)
    guard Glibc.send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
      throw CairnInstance.Problem(description: "send to port \(port): \(errno)")
    }
    var answer = Data()
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(descriptor, &piece, piece.count, 0)
      if count <= 0 { break }
      answer.append(contentsOf: piece[..<count])
    }
    let parts = String(decoding: answer, as: UTF8.self).components(separatedBy: "\r\n\r\n")
    guard parts.count > 1, let status = Int(parts[0].dropFirst(9).prefix(3)) else {
      throw CairnInstance.Problem(description: "no answer to \(method) \(path)")
    }
    return Answer(status: status, head: parts[0], body: parts.dropFirst().joined(separator: "\r\n\r\n"))
  }
}
