import ControlDatabase
import HTTPForwarding
import HTTPService
public import Notebooks
import Tokens
import Wire

/// Leads to the servers inside of jobs: notebooks and TensorBoards. Decides who may pass; what then goes to and fro is
/// `Forwarder`'s.
///
/// People come with a ticket in the address, which is changed for a cookie that holds for this one server. Programs come
/// with a token.
public struct ServerProxy: Sendable {
  private static let cookiePrefix = "cairn_"
  private static let ticketName = "cairn_ticket"

  private let notebooks: NotebookService
  private let tensorBoards: TensorBoardService
  let passes: AccessPasses

  public init(notebooks: NotebookService, tensorBoards: TensorBoardService, passes: AccessPasses) {
    self.notebooks = notebooks
    self.tensorBoards = tensorBoards
    self.passes = passes
  }

  /// A server that the proxy leads to.
  struct Subject: Sendable {
    enum Kind: String, Sendable {
      case notebook = "notebooks"
      case tensorBoard = "tensorboard"
    }

    let kind: Kind
    /// The notebook's, or the job's.
    let id: String

    init(_ kind: Kind, _ id: String) {
      self.kind = kind
      self.id = id
    }

    /// nil: the request is for something else.
    init?(_ request: Request) {
      guard request.path.count >= 2, let kind = Kind(rawValue: request.path[0]), Names.isValid(request.path[1]) else {
        return nil
      }
      self.init(kind, request.path[1])
    }

    var prefix: String { "/\(kind.rawValue)/\(id)/" }
    /// What passes are made for.
    var name: String { "\(kind.rawValue)/\(id)" }
    var cookie: String { "\(ServerProxy.cookiePrefix)\(kind.rawValue)_\(id)" }
    var opening: String { kind == .notebook ? "cairn notebook open \(id)" : "cairn job tensorboard \(id)" }
  }

  /// Path and query of an address that lets a browser in.
  func target(of subject: Subject, page: String = "") -> String {
    "\(subject.prefix)\(page)?\(Self.ticketName)=\(passes.make(.ticket, for: subject.name))"
  }

  /// - Parameters:
  ///   - isTrusted: whoever asks may do everything.
  ///   - tokenOpens: whether a token, if the request shows one, opens everything.
  func reply(
    to request: Request, for subject: Subject, isTrusted: Bool, tokenOpens: (String) async throws -> Bool
  ) async throws -> Reply {
    let address = ServerTarget(request.target)
    if address.path == subject.prefix.dropLast() { return redirect(to: subject.prefix + address.query(without: [])) }
    if let ticket = address.first(Self.ticketName) { return exchange(ticket, request, subject, address) }
    try await admit(request, subject, address, isTrusted, tokenOpens)
    let server: ReachableServer
    do {
      switch subject.kind {
      case .notebook: server = try await notebooks.server(of: subject.id)
      case .tensorBoard: server = try await tensorBoards.server(of: subject.id)
      }
    } catch { throw apiError(for: error) }
    if subject.kind == .notebook, request.method == "PUT", request.path.dropFirst(2).starts(with: ["api", "contents"]) {
      notebooks.noteSave(in: subject.id)
    }
    let forwarder = Forwarder(
      socket: server.socket,
      fields: ForwardedFields(
        prefix: subject.prefix, ownCookies: Self.cookiePrefix, authorization: server.authorization))
    let hasToken = address.first("token").map(TokenService.isToken) ?? false
    return try await forwarder.reply(
      to: request, target: address.path + address.query(without: hasToken ? ["token"] : []))
  }

  private func admit(
    _ request: Request, _ subject: Subject, _ address: ServerTarget, _ isTrusted: Bool,
    _ tokenOpens: (String) async throws -> Bool
  ) async throws {
    // Programs behind the proxy may have tokens of their own.
    if let secret = [ShownToken.secret(request), address.first("token")].compactMap(\.self).first(
      where: TokenService.isToken)
    {
      guard try await tokenOpens(secret) else {
        throw APIError(
          status: 403, code: "forbidden", message: "This token does not open notebooks: `cairn token create` makes one."
        )
      }
      return
    }
    guard isTrusted || hasSession(request, subject) else {
      throw APIError(
        status: 401, code: "unauthorized", message: "Open it again: `\(subject.opening)` prints an address.",
        subject: subject.id)
    }
    guard Self.isFromOwnPage(request) else {
      throw APIError(
        status: 403, code: "forbidden", message: "A page of another address asks for this, which none may.",
        subject: subject.id)
    }
  }

  private func hasSession(_ request: Request, _ subject: Subject) -> Bool {
    request.fields.contains { field in
      field.name == "cookie"
        && field.value.split(separator: ";").contains { cookie in
          let pair = cookie.drop { $0 == " " }
          return pair.hasPrefix(subject.cookie + "=")
            && passes.isValid(String(pair.dropFirst(subject.cookie.count + 1)), .session, for: subject.name)
        }
    }
  }

  /// Whether no page of another address has the browser ask. SameSite does not tell: to it, all ports of a host are one
  /// site. Following a link from elsewhere to a page is no harm.
  static func isFromOwnPage(_ request: Request) -> Bool {
    if let origin = request.header("Origin") {
      let host = request.header("Host") ?? ""
      return origin == "http://\(host)" || origin == "https://\(host)"
    }
    guard let site = request.header("Sec-Fetch-Site"), site != "same-origin", site != "none" else { return true }
    return ["GET", "HEAD"].contains(request.method) && request.header("Sec-Fetch-Mode") == "navigate"
      && request.header("Sec-Fetch-Dest") == "document"
  }

  /// Changes a ticket for a session, and leads to the address without it, so that it is in no bookmark.
  private func exchange(_ ticket: String, _ request: Request, _ subject: Subject, _ address: ServerTarget) -> Reply {
    guard request.method == "GET", passes.isValid(ticket, .ticket, for: subject.name) else {
      return .error(
        APIError(
          status: 403, code: "forbidden",
          message: "This address is not valid any more: `\(subject.opening)` prints a new one.", subject: subject.id))
    }
    var reply = redirect(to: address.path + address.query(without: [Self.ticketName]))
    var cookie =
      "\(subject.cookie)=\(passes.make(.session, for: subject.name)); Path=\(subject.prefix); HttpOnly; SameSite=Lax"
      + "; Max-Age=\(30 * 86_400)"
    if request.header("X-Forwarded-Proto") == "https" { cookie += "; Secure" }
    reply.headers += [("Set-Cookie", cookie), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")]
    return reply
  }

  private func redirect(to address: String) -> Reply {
    var reply = Reply.text("This is at \(address)\n", status: 302)
    reply.headers.append(("Location", address))
    return reply
  }
}

/// Path and query of a request, percent-encoded as they came.
struct ServerTarget: Sendable {
  let path: String
  private let pairs: [Substring]

  init(_ target: String) {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    // Two slashes at the beginning would be another host's in a redirection.
    path = "/" + parts[0].drop { $0 == "/" }
    pairs = parts.count > 1 ? parts[1].split(separator: "&") : []
  }

  /// The value of the first pair of this name. What Cairn puts there needs no encoding.
  func first(_ name: String) -> String? {
    pairs.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
  }

  /// The query with its question mark; empty where nothing is left.
  func query(without names: [String]) -> String {
    let left = pairs.filter { pair in !names.contains { pair.hasPrefix($0 + "=") } }
    return left.isEmpty ? "" : "?" + left.joined(separator: "&")
  }
}
