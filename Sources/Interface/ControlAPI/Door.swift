import ControlDatabase
public import HTTPService
public import MLflowAPI
public import Tokens
import WebPage
import Wire

/// What those may do who come by TCP, where nobody can tell who they are but by the token they bring.
///
/// A token without a project opens everything, as the Unix socket does; one for a project opens that project's MLflow
/// API; a job's own does the same, as long as the job's attempt goes on.
public struct Door: Sendable {
  public enum Rule: Sendable {
    /// A token without a project opens what the router has.
    case anyToken(Router)
    /// The address that containers reach. `page` is where people look at what a program there says is to be seen at
    /// this address; nil: nowhere.
    case tokensOfJobs(page: String?)
    /// Everybody who is on this host may use what the router has.
    case open(Router)
  }

  private let rule: Rule
  private let tokens: TokenService
  private let mlflow: MLflowAPI
  /// Where deployments are served, as `http://127.0.0.1:7071`; nil: nowhere by TCP.
  private let serving: String?
  /// nil: it leads to no servers in jobs.
  private let servers: ServerProxy?

  public init(rule: Rule, tokens: TokenService, mlflow: MLflowAPI, serving: String?, servers: ServerProxy? = nil) {
    self.serving = serving
    self.servers = servers
    self.rule = rule
    self.tokens = tokens
    self.mlflow = mlflow
  }

  public var router: Router {
    var router = Router { try await answer($0) }
    router.add("GET", "/healthz") { _ in .text("ok\n") }
    return router
  }

  private func answer(_ request: Request) async throws -> Reply {
    if MLflowAPI.isForWebPage(request) { return page(request) }
    // The proxy's to answer, and to ask for what the deployment wants to see.
    if request.path.first == "serve", let serving { return redirect(to: serving + request.target, status: 307) }
    if let servers, let subject = ServerProxy.Subject(request) { return try await reply(to: request, servers, subject) }
    let isOurs = request.path.first == "v1"
    if case .open(let everything) = rule {
      guard Self.isFromHere(request) else {
        return refusal(
          isOurs, status: 403,
          "Without tokens this address serves programs of this host, and no pages of other sites in its browsers.")
      }
      return isOurs ? try await everything.reply(to: request) : try await mlflow.reply(to: request, from: Caller())
    }
    guard let secret = ShownToken.secret(request) else {
      return refusal(
        isOurs, status: 401,
        "This address needs a token: `cairn token create` prints one. For MLflow, put it into MLFLOW_TRACKING_TOKEN.")
    }
    guard let token = try await tokens.token(of: secret), isTaken(token) else {
      return refusal(isOurs, status: 401, "This token is not valid, or not any more: `cairn token create` makes one.")
    }
    if isOurs {
      guard case .anyToken(let everything) = rule, token.project == nil, token.job == nil else {
        return refusal(isOurs, status: 403, "This token opens the MLflow API of its project, and no other.")
      }
      return try await everything.reply(to: request)
    }
    let attempt = token.job.map { Caller.Attempt(job: $0, number: token.attempt ?? 0) }
    return try await mlflow.reply(to: request, from: Caller(project: token.project, attempt: attempt))
  }

  /// A notebook is as powerful as the jobs that its owner may start: a project's token, which starts none, opens none.
  private func reply(
    to request: Request, _ servers: ServerProxy, _ subject: ServerProxy.Subject
  ) async throws -> Reply {
    var isOpen = false
    if case .open = rule { isOpen = Self.isFromHere(request) }
    return try await servers.reply(to: request, for: subject, isTrusted: isOpen) { secret in
      guard let token = try await tokens.token(of: secret) else { return false }
      return token.project == nil && token.job == nil
    }
  }

  private func page(_ request: Request) -> Reply {
    guard case .tokensOfJobs(let page) = rule else { return WebPage.reply(to: request) }
    guard let page else {
      return refusal(true, status: 404, "Cairn listens nowhere for people: give control.listen an address.")
    }
    return redirect(to: page + request.target, status: 302)
  }

  private func redirect(to address: String, status: Int) -> Reply {
    var reply = Reply.text("This is at \(address)\n", status: status)
    reply.headers.append(("Location", address))
    return reply
  }

  private func isTaken(_ token: Token) -> Bool {
    if case .tokensOfJobs = rule { return token.job != nil }
    return true
  }

  private func refusal(_ isOurs: Bool, status: Int, _ message: String) -> Reply {
    var reply =
      isOurs
      ? Reply.error(
        APIError(status: status, code: status == 401 ? "unauthorized" : "forbidden", message: message))
      : MLflowAPI.refusal(message, status: status)
    if status == 401 { reply.headers.append(("WWW-Authenticate", "Bearer realm=\"cairn\"")) }
    return reply
  }

  /// Whether a program of this host asks, or a page that came from here. A page of another site can have the browser ask
  /// us as well, by our address or by a name of its own that leads to it; the browser says so, and such pages can't
  /// prevent it.
  static func isFromHere(_ request: Request) -> Bool {
    guard let host = request.header("Host").map(Self.name(ofHost:)), ["localhost", "127.0.0.1", "[::1]"].contains(host)
    else {
      return false
    }
    guard let origin = request.header("Origin") else { return true }
    return origin == "http://" + (request.header("Host") ?? "")
  }

  /// Without the port.
  private static func name(ofHost host: String) -> String {
    if host.hasPrefix("[") { return String(host.prefix { $0 != "]" }) + "]" }
    return String(host.prefix { $0 != ":" })
  }
}
