import Wire

/// Finds the handler for a request by its method and path.
public struct Router: Sendable {
  public typealias Handler = @Sendable (Request) async throws -> Reply

  private struct Route: Sendable {
    let method: String
    let pattern: [Component]
    let handler: Handler
  }

  private enum Component: Sendable {
    case literal(String)
    case parameter(String)
    /// All that is left of the path, if anything; only at the end.
    case rest(String)
  }

  private var routes: [Route] = []
  /// Answers what no route is for.
  private let otherwise: Handler

  /// Answers what no route is for with 404.
  public init() {
    self.init { request in
      throw APIError.notFound("There is nothing at this address.", subject: "/" + request.path.joined(separator: "/"))
    }
  }

  public init(otherwise: @escaping Handler) { self.otherwise = otherwise }

  /// Adds a route. In `pattern`, `{name}` matches one component of the path and `{name...}`, at the
  /// end, all that are left, joined by slashes. Of several routes that match, the first one added wins.
  public mutating func add(_ method: String, _ pattern: String, _ handler: @escaping Handler) {
    let components = pattern.split(separator: "/").map { part -> Component in
      guard part.hasPrefix("{"), part.hasSuffix("}") else { return .literal(String(part)) }
      let name = part.dropFirst().dropLast()
      return name.hasSuffix("...") ? .rest(String(name.dropLast(3))) : .parameter(String(name))
    }
    routes.append(Route(method: method, pattern: components, handler: handler))
  }

  /// Has the route that is for a request answer it.
  public func reply(to request: Request) async throws -> Reply {
    var others: Set<String> = []
    // HEAD is GET without the body, which the service leaves out.
    let method = request.method == "HEAD" ? "GET" : request.method
    for route in routes {
      guard let parameters = Self.match(route.pattern, request.path) else { continue }
      guard route.method == method else {
        others.insert(route.method)
        continue
      }
      var request = request
      request.parameters = parameters
      return try await route.handler(request)
    }
    guard !others.isEmpty else { return try await otherwise(request) }
    var reply = Reply.error(
      APIError(
        status: 405, code: "method_not_allowed",
        message: "\(request.method) is not possible here; \(others.sorted().joined(separator: ", ")) is.",
        subject: "/" + request.path.joined(separator: "/")))
    reply.headers.append(("Allow", others.sorted().joined(separator: ", ")))
    return reply
  }

  private static func match(_ pattern: [Component], _ path: [String]) -> [String: String]? {
    var parameters: [String: String] = [:]
    var rest = path[...]
    for component in pattern {
      switch component {
      case .literal(let text):
        guard rest.popFirst() == text else { return nil }
      case .parameter(let name):
        guard let text = rest.popFirst() else { return nil }
        parameters[name] = text
      case .rest(let name):
        parameters[name] = rest.joined(separator: "/")
        return parameters
      }
    }
    return rest.isEmpty ? parameters : nil
  }
}
