import Glibc
import Linux
import Tracker

/// Where a webhook sends to, taken apart and checked.
struct WebhookAddress: Equatable {
  let scheme: String
  /// Without brackets.
  let host: String
  let port: UInt16

  /// - Throws: `TrackerError` for what is no address of a web server.
  init(_ url: String) throws(TrackerError) {
    func refuse(_ why: String) -> TrackerError {
      TrackerError(.invalidParameterValue, "Invalid webhook URL '\(url.prefix(200))': \(why).")
    }
    guard url.utf8.count <= 2000, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"\"\\<>^`{|}".utf8.contains($0) })
    else {
      throw refuse("it has spaces or other characters that must be percent-encoded, or is longer than 2000 bytes")
    }
    guard let colon = url.firstRange(of: "://") else { throw refuse("it does not begin with http:// or https://") }
    scheme = url[..<colon.lowerBound].lowercased()
    guard scheme == "http" || scheme == "https" else { throw refuse("it does not begin with http:// or https://") }
    let rest = url[colon.upperBound...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    // A name before the host is how one address is made to look like another.
    guard !authority.contains("@") else { throw refuse("it has a user's name in it") }
    var host = authority
    var port: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { throw refuse("a bracket is not closed") }
      host = authority[authority.index(after: authority.startIndex)..<end]
      let after = authority[authority.index(after: end)...]
      if after.hasPrefix(":") { port = after.dropFirst() } else if !after.isEmpty { throw refuse("its port is wrong") }
    } else if let colon = authority.lastIndex(of: ":") {
      host = authority[..<colon]
      port = authority[authority.index(after: colon)...]
    }
    guard !host.isEmpty, host.utf8.count <= 253, host.first != "-" else { throw refuse("it names no host") }
    self.host = String(host)
    if let port {
      guard let number = UInt16(port), number > 0, port.allSatisfy(\.isNumber) else {
        throw refuse("its port is wrong")
      }
      self.port = number
    } else {
      self.port = scheme == "https" ? 443 : 80
    }
  }

  /// The host's addresses in digits, all of which may be sent to. Blocks.
  ///
  /// A name that has a single address of a network within is refused as a whole: whoever owns it decides which one is
  /// taken next.
  /// - Throws: `TrackerError`
  func resolve(_ targets: WebhookTargets) throws -> [String] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    guard code == 0 else {
      throw TrackerError(
        .invalidParameterValue, "The webhook's host \(host) has no address: \(String(cString: gai_strerror(code))).")
    }
    defer { freeaddrinfo(list) }
    var addresses: [String] = []
    var next = list
    while let entry = next?.pointee {
      next = entry.ai_next
      guard let address = IPAddress(entry.ai_addr) else { continue }
      guard targets.allow(address) else {
        throw TrackerError(
          .invalidParameterValue,
          "The webhook's host \(host) is \(address.text), which is not an address of the internet. Where that is "
            + "wanted, set control.webhooks to private in Cairn's configuration.")
      }
      if !addresses.contains(address.text) { addresses.append(address.text) }
    }
    guard !addresses.isEmpty else {
      throw TrackerError(.invalidParameterValue, "The webhook's host \(host) has no address.")
    }
    return addresses
  }
}

/// Which addresses webhooks may send to. Whoever makes one has this host send requests from where it stands: behind
/// firewalls, beside services that trust the network.
public enum WebhookTargets: Sendable {
  /// Addresses of the internet only.
  case `public`
  /// Those of this host and of its networks as well.
  case `private`

  func allow(_ address: IPAddress) -> Bool {
    switch self {
    case .public: address.isPublic
    // Never what only the machine's own cloud answers at, nor what is no address of a server.
    case .private: address.isPublic || address.isPrivate
    }
  }
}
