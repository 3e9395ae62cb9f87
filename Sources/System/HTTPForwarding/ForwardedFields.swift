/// Which header fields of a request and of its answer go through a proxy (RFC 9110, sections 7.6 and 11.6; RFC 6265).
///
/// Neither side is trusted: a client must not be able to say what only the proxy says, and a server at one path of an
/// address must not be able to rule over the others.
public struct ForwardedFields: Sendable {
  public typealias Field = (name: String, value: String)

  /// What the server's addresses begin with, such as `/notebooks/abc/`.
  public let prefix: String
  /// Cookies whose names begin so are between browser and proxy.
  public let ownCookies: String
  /// What the server is told in the place of the client's credentials; nil: nothing.
  public let authorization: String?

  public init(prefix: String, ownCookies: String, authorization: String?) {
    self.prefix = prefix
    self.ownCookies = ownCookies
    self.authorization = authorization
  }

  /// About one connection only. The framing is made anew.
  private static let hopByHop: Set<String> = [
    "connection", "content-length", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
  ]

  /// What a `Connection` field can't take away: who asks, and from where.
  private static let kept: Set<String> = ["authorization", "cookie", "host", "origin"]

  /// What a server may say about its whole address, which has others on it.
  private static let ofTheWholeAddress: Set<String> = [
    "alt-svc", "clear-site-data", "public-key-pins", "service-worker-allowed", "strict-transport-security",
  ]

  /// - Parameter fields: names in lower case.
  public func request(_ fields: [Field]) -> [Field] {
    let named = Self.named(by: fields).subtracting(Self.kept)
    var forwarded = fields.compactMap { field -> Field? in
      switch field.name {
      case "authorization": return nil
      case "cookie":
        let cookies = foreignCookies(field.value)
        return cookies.isEmpty ? nil : (field.name, cookies)
      default: return Self.hopByHop.contains(field.name) || named.contains(field.name) ? nil : field
      }
    }
    if let authorization { forwarded.append(("authorization", authorization)) }
    return forwarded
  }

  /// - Parameter fields: names in lower case.
  public func response(_ fields: [Field]) -> [Field] {
    let named = Self.named(by: fields)
    return fields.compactMap { field in
      switch field.name {
      case "set-cookie": setCookie(field.value).map { (field.name, $0) }
      default:
        Self.hopByHop.contains(field.name) || Self.ofTheWholeAddress.contains(field.name) || named.contains(field.name)
          ? nil : field
      }
    }
  }

  private static func named(by fields: [Field]) -> Set<String> {
    Set(
      fields.filter { $0.name == "connection" }.flatMap { field in
        field.value.split { $0 == "," || $0 == " " || $0 == "\t" }.map { $0.lowercased() }
      })
  }

  private func foreignCookies(_ value: String) -> String {
    value.split(separator: ";").map(trimmed).filter { !$0.hasPrefix(ownCookies) }.joined(separator: "; ")
  }

  /// A cookie for the server's own addresses; nil: it may not set this one.
  private func setCookie(_ value: String) -> String? {
    let parts = value.split(separator: ";").map(trimmed)
    guard let pair = parts.first, !pair.hasPrefix(ownCookies) else { return nil }
    let attributes = parts.dropFirst().filter { part in
      let name = part.prefix { $0 != "=" }.lowercased()
      return name != "path" && name != "domain"
    }
    return ([String(pair)] + attributes.map(String.init) + ["Path=\(prefix)"]).joined(separator: "; ")
  }

  private func trimmed(_ text: Substring) -> Substring {
    let rest = text.drop { $0 == " " || $0 == "\t" }
    guard let last = rest.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
    return rest[...last]
  }
}
