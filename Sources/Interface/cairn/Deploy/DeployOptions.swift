import API
import ArgumentParser
import DeploymentStates

/// What a deployment runs: the options of `create` and `update`.
struct RevisionOptions: ParsableArguments {
  @Option(
    name: .shortAndLong, help: ArgumentHelp("The model, mounted at /models/NAME/VERSION.", valueName: "name:version"))
  var model: String?

  @Option(help: ArgumentHelp("Cairn's own server for the model: onnx, sklearn or mlflow.", valueName: "kind"))
  var runtime: String?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The image; `host` for this host's own programs.", valueName: "image"))
  var image: String?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("A variable; may be repeated.", valueName: "KEY=VALUE"))
  var env: [String] = []

  @Option(help: ArgumentHelp("Where a replica listens; it has it in $PORT.", valueName: "port"))
  var port: UInt16?

  @Option(
    name: .customLong("protocol"),
    help: ArgumentHelp("What it speaks: oip, openai, mlflow, raw or grpc.", valueName: "name"))
  var interface: String?

  @Option(help: ArgumentHelp("The path that tells whether it is ready, or tcp.", valueName: "path"))
  var ready: String?

  @Option(help: ArgumentHelp("The path that tells whether it lives, or tcp.", valueName: "path"))
  var live: String?

  @Option(help: ArgumentHelp("How long it may take to become ready, such as 10m.", valueName: "time"))
  var startup: Seconds?

  @Option(help: ArgumentHelp("Requests that one replica is given at a time.", valueName: "number"))
  var concurrency: Int?

  @Option(help: ArgumentHelp("How many processors a replica may use, such as 1.5.", valueName: "number"))
  var cpus: Double?

  @Option(help: ArgumentHelp("How much memory a replica may use, such as 8g.", valueName: "size"))
  var memory: ByteCount?

  @Option(help: ArgumentHelp("How many GPUs a replica gets.", valueName: "number"))
  var gpus: Int?

  @Option(
    help: ArgumentHelp(
      "A secret, as the variable of its name or another; may be repeated.", valueName: "name[:variable]"))
  var secret: [String] = []

  @Option(
    help: ArgumentHelp(
      "A secret as a file in memory, by default /run/secrets/NAME; may be repeated.", valueName: "name[:path]"))
  var secretFile: [String] = []

  @Option(help: ArgumentHelp("How long requests may take to end when a replica goes, such as 30s.", valueName: "time"))
  var drain: Seconds?

  @Argument(parsing: .postTerminator, help: "The command, after `--`; by default the image's own.")
  var command: [String] = []

  func validate() throws {
    for variable in env where !variable.contains("=") || variable.hasPrefix("=") {
      throw ValidationError("--env takes KEY=VALUE, not `\(variable)`.")
    }
    if runtime != nil && !command.isEmpty { throw ValidationError("Give either --runtime or a command.") }
  }

  var change: DeploymentChange {
    var change = DeploymentChange()
    (change.model, change.runtime, change.image) = (model, runtime, image)
    change.command = command.isEmpty ? nil : command
    if !env.isEmpty {
      change.environment = Dictionary(
        env.map { variable in
          let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
          return (String(parts[0]), String(parts[1]))
        }, uniquingKeysWith: { $1 })
    }
    (change.port, change.interface, change.readiness, change.liveness) = (port, interface, ready, live)
    change.startupSeconds = startup?.seconds
    (change.concurrency, change.cpus, change.memoryBytes) = (concurrency, cpus, memory?.bytes)
    change.gpus = gpus
    if !secret.isEmpty {
      change.secrets = Dictionary(
        secret.map { use in
          let parts = use.split(separator: ":", maxSplits: 1).map(String.init)
          return (parts.last ?? use, parts.first ?? use)
        }, uniquingKeysWith: { $1 })
    }
    if !secretFile.isEmpty {
      change.secretFiles = Dictionary(
        secretFile.map { use in
          let parts = use.split(separator: ":", maxSplits: 1).map(String.init)
          let name = parts.first ?? use
          return (parts.count > 1 ? parts[1] : "/run/secrets/\(name)", name)
        }, uniquingKeysWith: { $1 })
    }
    change.drainSeconds = drain?.seconds
    return change
  }
}

/// How many replicas: the options of `create` and `scale`.
struct ScalingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("So many replicas, always.", valueName: "number"))
  var replicas: Int?

  @Option(help: ArgumentHelp("At least so many; 0 stops the last when idle.", valueName: "number"))
  var min: Int?

  @Option(help: ArgumentHelp("At most so many.", valueName: "number"))
  var max: Int?

  @Option(help: ArgumentHelp("Requests in flight that one replica is to have.", valueName: "number"))
  var target: Double?

  @Option(help: ArgumentHelp("Without requests for so long there are fewer, such as 5m.", valueName: "time"))
  var idle: Seconds?

  @Option(help: ArgumentHelp("Requests held while there is no replica.", valueName: "number"))
  var hold: Int?

  @Option(help: ArgumentHelp("How long a request is held, such as 1m.", valueName: "time"))
  var holdTime: Seconds?

  func validate() throws {
    if replicas != nil && (min != nil || max != nil) {
      throw ValidationError("Give either --replicas or --min and --max.")
    }
  }

  var change: ScalingChange {
    var change = ScalingChange()
    (change.minimum, change.maximum) = (replicas ?? min, replicas ?? max)
    (change.targetInFlight, change.idleSeconds) = (target, idle?.seconds)
    (change.holdLimit, change.holdSeconds) = (hold, holdTime?.seconds)
    return change
  }
}

/// Follows a deployment until it is as it should be, or can't be.
struct DeploymentFollower {
  let client: CairnClient
  let name: String
  /// For how long, at most.
  let seconds: Int

  func run() async throws -> Deployment {
    let progress = ProgressLine()
    defer { progress.end() }
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      let deployment = try await client.deployment(name).deployment
      progress.show(
        "\(name): \(deployment.state.rawValue), \(deployment.readyReplicas) of \(deployment.replicas) ready")
      // One that crashes is tried again: it may only be waiting for something.
      let isOver = ![.progressing, .degraded, .failed].contains(deployment.state) || isCanaryReady(deployment)
      if isOver || ContinuousClock.now > deadline { return deployment }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// A canary goes on until somebody decides.
  private func isCanaryReady(_ deployment: Deployment) -> Bool {
    deployment.canaryPercent != nil && deployment.readyReplicas > deployment.replicas
  }
}

/// How a command that waited ends: with what it waited for, or with a failure.
func finish(_ deployment: Deployment, json: some Encodable, asJSON: Bool) throws {
  if asJSON {
    try Terminal.print(json: json)
  } else {
    Terminal.print(deployment.url ?? deployment.name)
  }
  let isGood = [.available, .scaledToZero].contains(deployment.state) || deployment.canaryPercent != nil
  guard !isGood else { return }
  Terminal.complain(
    "cairn: deployment \(deployment.name) is \(deployment.state.rawValue)"
      + (deployment.detail.map { ": \($0)" } ?? "") + "; cairn deploy logs \(deployment.name) shows what it wrote")
  throw ExitCode.failure
}

/// Prints credentials where people see them and scripts that read the address do not trip over them.
func show(_ credentials: DeploymentCredentials?) {
  guard let credentials else { return }
  if let user = credentials.user {
    Terminal.complain("user: \(user)\npassword: \(credentials.secret)\nThey are shown this once.")
  } else {
    Terminal.complain("token: \(credentials.secret)\nIt is shown this once.")
  }
}
