public import Configuration
import ControlDatabase
public import Deployments
public import Experiments
public import HTTPService
public import Jobs
import Linux
public import MLflowAPI
public import ModelRepository
public import Notebooks
public import Projects
public import Secrets
public import StorageAPI
public import Tokens
public import Tracker
import UnixHTTP
import Wire

/// What `cairnd` answers over HTTP. The handlers unpack a request, call a service and pack its answer;
/// all decisions are the services'.
public struct ControlAPI: Sendable {
  let configuration: Configuration
  let version: String
  let jobs: JobService
  let projects: ProjectService
  let models: ModelRepository
  let storage: StorageClient
  let secrets: SecretService
  let tokens: TokenService
  let tracker: Tracker
  let mlflow: MLflowAPI
  let deployments: DeploymentService
  let experiments: ExperimentService
  let notebooks: NotebookService
  let tensorBoards: TensorBoardService
  let servers: ServerProxy
  let started = ContinuousClock.now

  public init(
    configuration: Configuration, version: String, jobs: JobService, projects: ProjectService,
    models: ModelRepository, storage: StorageClient, secrets: SecretService, tokens: TokenService, tracker: Tracker,
    mlflow: MLflowAPI, deployments: DeploymentService, experiments: ExperimentService, notebooks: NotebookService,
    tensorBoards: TensorBoardService, passes: AccessPasses
  ) {
    self.configuration = configuration
    self.version = version
    self.jobs = jobs
    self.projects = projects
    self.models = models
    self.storage = storage
    self.secrets = secrets
    self.tokens = tokens
    self.tracker = tracker
    self.mlflow = mlflow
    self.deployments = deployments
    self.experiments = experiments
    self.notebooks = notebooks
    self.tensorBoards = tensorBoards
    servers = ServerProxy(notebooks: notebooks, tensorBoards: tensorBoards, passes: passes)
  }

  /// The routes of the Unix socket, whose users are trusted.
  public var router: Router {
    var routes = Routes(
      Router { request in
        guard let subject = ServerProxy.Subject(request) else {
          return try await mlflow.reply(to: request, from: Caller())
        }
        return try await servers.reply(to: request, for: subject, isTrusted: true) { _ in true }
      })
    addJobRoutes(to: &routes)
    addProjectRoutes(to: &routes)
    addArtifactRoutes(to: &routes)
    addModelRoutes(to: &routes)
    addStorageRoutes(to: &routes)
    addWorkspaceRoutes(to: &routes)
    addSystemRoutes(to: &routes)
    addTokenRoutes(to: &routes)
    addSecretRoutes(to: &routes)
    addExecRoutes(to: &routes)
    addDeploymentRoutes(to: &routes)
    addExperimentRoutes(to: &routes)
    addNotebookRoutes(to: &routes)
    return routes.router
  }

  /// The routes of an address that anybody can reach.
  public var door: Router {
    Door(
      rule: configuration.control.authentication == .none ? .open(router) : .anyToken(router), tokens: tokens,
      mlflow: mlflow, serving: configuration.deployments.listen.map { "http://\($0)" }, servers: servers
    ).router
  }
}

/// Collects routes whose errors all become ``APIError``s in one place.
struct Routes {
  private(set) var router: Router

  init(_ router: Router) { self.router = router }

  mutating func add(_ method: String, _ pattern: String, _ handler: @escaping Router.Handler) {
    router.add(method, pattern) { request in
      do {
        return try await handler(request)
      } catch {
        throw apiError(for: error)
      }
    }
  }
}

/// What a client is told about an error; nil-like unknown ones are passed on, for the service to log.
func apiError(for error: any Error) -> any Error {
  switch error {
  case let error as ControlError:
    let status: Int
    switch error.code {
    case .invalid: status = 400
    case .notFound: status = 404
    case .ambiguous, .conflict: status = 409
    case .unavailable: status = 503
    }
    return APIError(status: status, code: code(of: error.code), message: error.message, subject: error.subject)
  case let error as TrackerError:
    switch error.code {
    case .invalidParameterValue: return APIError.invalid(error.message)
    case .resourceAlreadyExists: return APIError.conflict(error.message, code: "exists")
    case .resourceDoesNotExist: return APIError.notFound(error.message)
    }
  case let error as SecretError:
    return APIError(status: 503, code: "secrets_unavailable", message: sentence(error.description))
  case let error as ModelInUse:
    return APIError.conflict(sentence(error.description), code: "in_use", subject: error.version)
  case let error as HTTPClientError:
    // The only daemon that this one is a client of.
    return APIError(
      status: 503, code: "storage_unavailable",
      message: "cairnd can't use the storage: \(error). Is cairnfsd running? `systemctl status cairnfsd` tells.",
      subject: "cairnfsd")
  default:
    return error
  }
}

/// With a capital letter and a full stop.
private func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }

private func code(of code: ControlError.Code) -> String {
  switch code {
  case .invalid: "invalid"
  case .notFound: "not_found"
  case .ambiguous: "ambiguous"
  case .conflict: "conflict"
  case .unavailable: "unavailable"
  }
}

extension Request {
  /// A query parameter that says yes or no; no where it is missing.
  func flag(_ name: String) throws -> Bool {
    switch query(name) {
    case nil, "false", "0": false
    case "true", "1", "": true
    default: throw APIError.invalid("`\(name)` is either true or false.", subject: name)
    }
  }

  /// A query parameter that is a number within `range`; nil where it is missing.
  func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let text = query(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw APIError.invalid(
        "`\(name)` is a number from \(range.lowerBound) to \(range.upperBound).", subject: name)
    }
    return number
  }
}
