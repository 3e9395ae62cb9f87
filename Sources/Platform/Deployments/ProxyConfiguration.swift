/// What HAProxy is to serve.
struct ProxyConfiguration: Hashable, Sendable {
  /// Where the proxy keeps its files and sockets.
  var directory: String
  /// Such as `127.0.0.1:7071`; nil: only the Unix socket.
  var listen: String?
  /// Whom the workers run as; nil: whoever starts them.
  var user: String?
  var deployments: [ProxyDeployment]
}

/// A deployment, as the proxy sees it. Its strings are a valid name, hexadecimal or base64: what the configuration's
/// grammar could take for something else never gets here.
struct ProxyDeployment: Hashable, Sendable {
  var name: String
  var interface: DeploymentSpecification.Interface
  /// What a request must prove; nil: nothing.
  var lock: CredentialLock?
  var holdLimit: Int
  var holdSeconds: Int
  /// Whether it counts as ready with no replica, because a request brings one.
  var mayBeZero: Bool
  var servers: [ProxyServer]

  var backend: String { "deployment-" + name }
}

/// A replica's container, as the proxy sees it. A name is never used for a second container.
struct ProxyServer: Hashable, Sendable {
  var name: String
  /// Such as `10.88.0.7:8080`.
  var address: String
  /// 0: no new requests.
  var weight: Int
  /// nil: no limit.
  var concurrency: Int?
  var isHTTP2: Bool

  /// The words that describe it, in the configuration file and for `add server`.
  ///
  /// The proxy looks by itself whether a connection can be made, so that it leaves out a dead replica also while nobody
  /// tells it to.
  var words: String {
    var words = "\(address) check inter 1s fall 2 rise 1 weight \(weight)"
    if let concurrency { words += " maxconn \(concurrency)" }
    if isHTTP2 { words += " proto h2" }
    return words
  }
}

extension ProxyConfiguration {
  /// The names of the files below ``directory``.
  static let configurationFile = "haproxy.cfg"
  static let processFile = "haproxy.pid"
  static let holdScriptFile = "hold.lua"
  static let runtimeSocket = "runtime.sock"
  static let masterSocket = "master.sock"
  static let serveSocket = "serve.sock"

  private var ownership: String { user.map { " user \($0) group \($0)" } ?? "" }

  /// What a reload is needed for: all but the servers, which the runtime socket changes. `description` names it, so
  /// that a control plane that comes later can tell what runs.
  var structure: String {
    var copy = self
    for index in copy.deployments.indices { copy.deployments[index].servers = [] }
    return copy.text(description: "-")
  }

  /// The configuration file.
  func text(description: String) -> String {
    ([global(description), Self.defaults, frontend, selfBackend, Self.missingBackend] + deployments.map(backend))
      .joined(separator: "\n\n")
      + "\n"
  }

  private func global(_ description: String) -> String {
    var lines = [
      "global", "  description \(description)",
      "  stats socket \(directory)/\(Self.runtimeSocket) mode 600 level admin expose-fd listeners",
      // The file that the proxy was started with, see ProxyProcess and AccessLog.
      "  log fd@3 len 4096 format raw local0 info",
      "  lua-load \(directory)/\(Self.holdScriptFile)",
      // Streams that began before a reload go on for so long.
      "  hard-stop-after 1h",
    ]
    if let user { lines += ["  user \(user)", "  group \(user)"] }
    return lines.joined(separator: "\n")
  }

  private static let defaults = """
    defaults
      mode http
      log global
      log-format "\(AccessLogEntry.format)"
      # A replica that can't be connected to has not seen the request: another one gets it.
      retries 3
      option redispatch 1
      option forwardfor
      option http-no-delay
      # A worker that a reload has replaced answers one more request on each idle connection before it closes it:
      # closing at once would meet requests that are on their way.
      option idle-close-on-response
      option splice-auto
      timeout connect 1s
      timeout http-request 10s
      timeout http-keep-alive 60s
      timeout queue 60s
      timeout client 1h
      timeout server 1h
      timeout tunnel 1h
    """

  private var frontend: String {
    var lines = ["frontend serve"]
    if let listen { lines.append("  bind \(listen)") }
    lines += [
      "  bind unix@\(directory)/\(Self.serveSocket) mode 600\(ownership) accept-proxy",
      "  http-request set-var(txn.deployment) path,field(3,/) if { path_beg /serve/ }",
      // gRPC's paths are the service's: the deployment stands in the metadata.
      "  http-request set-var(txn.deployment) req.hdr(cairn-deployment)"
        + " if !{ path_beg /serve/ } { req.hdr(content-type) -m beg application/grpc }",
    ]
    for deployment in deployments { lines += deployment.lockRules + deployment.protocolRules + deployment.holdRules }
    lines += [
      "  http-request return status 503 content-type application/json hdr Retry-After 5 string"
        + " '{\"code\":\"no_replica\",\"message\":\"No replica is ready; try again in some seconds.\"}'"
        + " if { var(txn.hold) -m str full late }",
      "  use_backend self if { var(txn.hold) -m str moved }",
      "  use_backend deployment-%[var(txn.deployment)] if { var(txn.deployment) -m found }",
      "  default_backend missing",
    ]
    return lines.joined(separator: "\n")
  }

  /// A worker that a reload has replaced sends what it still holds to the one that came after it.
  private var selfBackend: String {
    "backend self\n  server self unix@\(directory)/\(Self.serveSocket) send-proxy-v2"
  }

  private static let missingBackend = """
    backend missing
      http-request return status 404 content-type application/json string \
    '{"code":"not_found","message":"There is no deployment of this name."}'
    """

  private func backend(_ deployment: ProxyDeployment) -> String {
    let rules = [
      "backend \(deployment.backend)",
      // Weights hold for one request at a time too, which leastconn's do not: a canary needs that.
      "  balance roundrobin",
      // The checks' connections end in order: a reset would be an error in the log of many a server.
      "  option tcp-check",
      "  tcp-check connect linger",
      "  http-request replace-path /serve/[^/]+/?(.*) /\\1 if { path_beg /serve/ }",
      "  http-request set-header X-Forwarded-Prefix /serve/\(deployment.name)",
    ]
    return (rules + deployment.servers.map { "  server \($0.name) \($0.words)" }).joined(separator: "\n")
  }
}

extension ProxyDeployment {
  private var isAsked: String { "{ var(txn.deployment) -m str \(name) }" }

  fileprivate var lockRules: [String] {
    guard let lock else { return [] }
    return [
      // The second word: a token, or user and password as Basic encodes them.
      "  http-request set-var(txn.proof) req.hdr(authorization),word(2,\\ ),hmac(sha256,\(lock.key)),hex if \(isAsked)",
      "  http-request return status 401 content-type application/json"
        + " hdr WWW-Authenticate '\(lock.kind == .basic ? "Basic" : "Bearer") realm=\"\(name)\"' string"
        + " '{\"code\":\"unauthorized\",\"message\":\"This deployment asks for credentials.\"}'"
        + " if \(isAsked) !{ var(txn.proof) -m str \(lock.proof) }",
      "  http-request del-header authorization if \(isAsked)",
    ]
  }

  /// The Open Inference Protocol's questions that the proxy answers: all of the server's and those about the model
  /// where the replicas do not speak it, and those about health where none is there to be asked.
  fileprivate var protocolRules: [String] {
    func answer(_ path: String, _ json: String, status: Int = 200, if condition: String = "") -> String {
      "  http-request return status \(status) content-type application/json string '\(json)'"
        + " if { path -m str \(path) }\(condition)"
    }
    let prefix = "/serve/\(name)/v2"
    let ready = "\(prefix)/health/ready \(prefix)/models/\(name)/ready"
    let isEmpty = " { nbsrv(\(backend)) eq 0 }"
    let yes = "{\"name\":\"\(name)\",\"live\":true,\"ready\":true}"
    let no = "{\"name\":\"\(name)\",\"live\":true,\"ready\":false}"
    let health =
      [answer("\(prefix)/health/live", yes, if: isEmpty)] + [
        mayBeZero ? answer(ready, yes, if: isEmpty) : answer(ready, no, status: 503, if: isEmpty)
      ]
    if interface == .oip { return health }
    return health + [
      answer("\(prefix)/health/live \(ready)", yes),
      answer("\(prefix) \(prefix)/", "{\"name\":\"cairn\",\"version\":\"\(name)\",\"extensions\":[]}"),
      answer(
        "\(prefix)/models/\(name)",
        "{\"name\":\"\(name)\",\"versions\":[],\"platform\":\"\(interface.rawValue)\",\"inputs\":[],\"outputs\":[]}"),
    ]
  }

  fileprivate var holdRules: [String] {
    ["  http-request lua.hold \(backend) \(holdLimit) \(holdSeconds) if \(isAsked) { nbsrv(\(backend)) eq 0 }"]
  }
}
