public import HTTPService
public import ModelRepository
public import StorageAPI
public import Tracker
public import Webhooks
import Wire

/// What the unmodified MLflow client calls, over Cairn's own records: `/api/2.0/mlflow/…` and its relatives, and the same
/// below `/p/<project>`.
///
/// Each handler unpacks a request, calls the tracker and packs its answer. The paths, fields and semantics are those of
/// MLflow 3.17, whose older clients call a part of them.
public struct MLflowAPI: Sendable {
  typealias Handler = @Sendable (Call) async throws -> Reply

  /// Where requests go that name no project.
  public static let defaultProject = "default"
  /// MLflow's limit for a batch is 1 MB; a dataset's profile may have 16.
  static let mostBodyBytes = 32 << 20

  let tracker: Tracker
  let models: ModelRepository
  let webhooks: WebhookService
  let storage: StorageClient
  /// The host's path of Cairn's mount.
  let mount: String
  /// Makes a project that is not there yet.
  private let addProject: @Sendable (String) async throws -> Void
  /// Told when an attempt of a job makes a run, whose program waits for the answer.
  let runIsMade: @Sendable (Caller.Attempt) async -> Void
  private var endpoints = Endpoints()

  public init(
    tracker: Tracker, models: ModelRepository, webhooks: WebhookService, storage: StorageClient, mount: String,
    addProject: @escaping @Sendable (String) async throws -> Void,
    runIsMade: @escaping @Sendable (Caller.Attempt) async -> Void = { _ in }
  ) {
    self.tracker = tracker
    self.models = models
    self.webhooks = webhooks
    self.storage = storage
    self.mount = mount
    self.addProject = addProject
    self.runIsMade = runIsMade
    addServerEndpoints(to: &endpoints)
    addExperimentEndpoints(to: &endpoints)
    addRunEndpoints(to: &endpoints)
    addLoggingEndpoints(to: &endpoints)
    addMetricEndpoints(to: &endpoints)
    addLoggedModelEndpoints(to: &endpoints)
    addArtifactEndpoints(to: &endpoints)
    addRegisteredModelEndpoints(to: &endpoints)
    addModelVersionEndpoints(to: &endpoints)
    addWebhookEndpoints(to: &endpoints)
  }

  /// Answers a request whose sender is known. Errors are answers, but for faults of our own, which are thrown.
  public func reply(to request: Request, from caller: Caller) async throws -> Reply {
    do {
      return try await answer(request, caller)
    } catch {
      guard let error = MLflowError(error) else { throw error }
      return error.reply
    }
  }

  /// For whoever may not ask at all.
  /// - Parameter status: 401 or 403.
  public static func refusal(_ message: String, status: Int) -> Reply {
    MLflowError(code: status == 401 ? "UNAUTHENTICATED" : "PERMISSION_DENIED", message: message).reply
  }

  /// Whether a request asks for the web page, which is the same everywhere and tells nothing: `/` and `/p/<project>`.
  public static func isForWebPage(_ request: Request) -> Bool {
    let path = request.path
    return request.method == "GET" && (path.isEmpty || (path.count == 2 && path[0] == "p"))
  }

  private func answer(_ request: Request, _ caller: Caller) async throws -> Reply {
    var path = request.path[...]
    var project = caller.project ?? Self.defaultProject
    if path.first == "p", path.count >= 2 {
      project = path[path.startIndex + 1]
      path = path.dropFirst(2)
    }
    guard caller.project == nil || caller.project == project else {
      throw MLflowError(
        code: "PERMISSION_DENIED", message: "This token is for the project \(caller.project ?? ""), not for \(project)."
      )
    }
    guard let (handler, components) = try endpoints.find(request.method, Array(path)) else {
      throw MLflowError(
        code: "ENDPOINT_NOT_FOUND",
        message: "There is no endpoint \(request.method) /\(request.path.joined(separator: "/")) here.")
    }
    try await addProject(project)
    // An artifact's body is no list of fields.
    let isArtifact = components["artifact"] != nil || path.last == "upload-artifact"
    let parameters =
      isArtifact ? Parameters(query: request.query) : try await Parameters(request, limit: Self.mostBodyBytes)
    return try await handler(
      Call(
        request: request, caller: caller, project: try await tracker.project(project), parameters: parameters,
        path: components))
  }
}

/// The endpoints by their methods and paths, without what stands before them.
struct Endpoints: Sendable {
  private struct Endpoint: Sendable {
    var pattern: [String]
    var handlers: [String: MLflowAPI.Handler]
  }

  private var exact: [String: Endpoint] = [:]
  private var patterns: [Endpoint] = []

  /// - Parameter path: `mlflow/…` stands for `/api/2.0/mlflow/…`, `/api/3.0/mlflow/…` and both of them below `/ajax-api`, as
  ///   does `mlflow-artifacts/…`. `{name}` is one component, and `{name...}` all that are left.
  mutating func add(_ methods: String..., path: String, _ handler: @escaping MLflowAPI.Handler) {
    let pattern = path.split(separator: "/").map(String.init)
    for method in methods {
      if !path.contains("{") {
        exact[path, default: Endpoint(pattern: pattern, handlers: [:])].handlers[method] = handler
      } else if let index = patterns.firstIndex(where: { $0.pattern == pattern }) {
        patterns[index].handlers[method] = handler
      } else {
        patterns.append(Endpoint(pattern: pattern, handlers: [method: handler]))
      }
    }
  }

  /// nil: there is nothing at this path.
  /// - Throws: ``MLflowError`` where there is, but not for this method.
  func find(_ method: String, _ path: [String]) throws -> (MLflowAPI.Handler, [String: String])? {
    let path = Self.withoutBase(path)
    let found: (Endpoint, [String: String])?
    if let endpoint = exact[path.joined(separator: "/")] {
      found = (endpoint, [:])
    } else {
      found = patterns.lazy.compactMap { endpoint in Self.match(endpoint.pattern, path).map { (endpoint, $0) } }.first
    }
    guard let (endpoint, components) = found else { return nil }
    // HEAD is GET without the body, which the service leaves out.
    guard let handler = endpoint.handlers[method == "HEAD" ? "GET" : method] else {
      throw MLflowError.invalid(
        "\(method) is not possible here; \(endpoint.handlers.keys.sorted().joined(separator: ", ")) is.")
    }
    return (handler, components)
  }

  private static func withoutBase(_ path: [String]) -> [String] {
    guard path.count > 2, path[0] == "api" || path[0] == "ajax-api", path[1] == "2.0" || path[1] == "3.0" else {
      return path
    }
    return Array(path.dropFirst(2))
  }

  private static func match(_ pattern: [String], _ path: [String]) -> [String: String]? {
    var components: [String: String] = [:]
    for (index, part) in pattern.enumerated() {
      if part.hasPrefix("{"), part.hasSuffix("...}") {
        components[String(part.dropFirst().dropLast(4))] = path.dropFirst(index).joined(separator: "/")
        return path.count > index ? components : nil
      }
      guard index < path.count else { return nil }
      if part.hasPrefix("{") {
        components[String(part.dropFirst().dropLast())] = path[index]
      } else if part != path[index] {
        return nil
      }
    }
    return pattern.count == path.count ? components : nil
  }
}
