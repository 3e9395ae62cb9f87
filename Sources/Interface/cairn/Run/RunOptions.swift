import API
import ArgumentParser
import JobStates

/// What a job is given, waits for, and does when it fails: the options of `cairn run` beyond resources.
struct RunOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "A secret as a variable, by default of its own name; may be repeated.", valueName: "NAME[:VARIABLE]"))
  var secret: [String] = []

  @Option(
    help: ArgumentHelp(
      "A secret as a file in memory, by default /run/secrets/NAME; may be repeated.", valueName: "NAME[:PATH]"))
  var secretFile: [String] = []

  @Option(
    help: ArgumentHelp(
      "Reach this port of the job on this host, at 127.0.0.1 unless given; may be repeated.",
      valueName: "[[ADDRESS:]HOST:]PORT"))
  var port: [String] = []

  @Option(
    help: ArgumentHelp(
      "Wait until this job has succeeded, or with :any ended; may be repeated.", valueName: "JOB[:ok|any]"))
  var dependsOn: [String] = []

  @Option(help: "How often a failed attempt is followed by another.")
  var retries = 0

  @Option(
    help: ArgumentHelp(
      "Which ends are followed by another attempt: failed, oom, lost, timeout; by default the first three.",
      valueName: "ends"))
  var retryOn: String?

  @Option(
    help: ArgumentHelp("Wait so long before the second attempt, and twice as long before each next.", valueName: "time")
  )
  var retryDelay: Seconds?

  @Option(
    help: ArgumentHelp(
      "Pull the image with this secret: USER:PASSWORD, or what podman login writes.", valueName: "NAME"))
  var registrySecret: String?

  @Flag(help: "Build the image from the Dockerfile in the workspace, instead of taking --image.")
  var build = false

  @Option(help: ArgumentHelp("Build the image from this file in the workspace.", valueName: "path"))
  var dockerfile: String?

  func validate() throws {
    if retries < 0 { throw ValidationError("--retries must not be negative.") }
    _ = try secrets()
    _ = try ports()
    _ = try retryPolicy()
  }

  /// Puts all of it into a request.
  func apply(to job: inout NewJob) throws {
    job.secrets = try secrets()
    job.ports = try ports()
    job.dependsOn = dependencies()
    job.retries = retries
    job.retryPolicy = try retryPolicy()
    job.registrySecret = registrySecret
    job.dockerfile = dockerfile ?? (build ? "Dockerfile" : nil)
    // The name under which podman keeps what is built.
    if job.dockerfile != nil { job.image = "localhost/cairn-build" }
  }

  private func secrets() throws -> [SecretUse]? {
    let variables = secret.map { text in
      let (name, variable) = Self.split(text)
      return SecretUse(name: name, variable: variable ?? name)
    }
    let files = secretFile.map { text in
      let (name, path) = Self.split(text)
      return SecretUse(name: name, file: path ?? "/run/secrets/\(name)")
    }
    for use in variables + files where use.name.isEmpty { throw ValidationError("A secret has a name.") }
    return variables.isEmpty && files.isEmpty ? nil : variables + files
  }

  private func ports() throws -> [PublishedPort]? {
    let ports = try port.map { text in
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      let numbers = parts.suffix(2).map { UInt16($0) }
      guard (1...3).contains(parts.count), let container = numbers.last ?? nil, container > 0,
        numbers.allSatisfy({ $0 != nil }), parts.count < 3 || !parts[0].isEmpty
      else { throw ValidationError("--port takes 8080, 9000:8080 or 0.0.0.0:9000:8080, not `\(text)`.") }
      let host = numbers.count == 2 ? numbers[0] : nil
      return PublishedPort(
        address: parts.count == 3 ? String(parts[0]) : "127.0.0.1", host: host, container: container)
    }
    return ports.isEmpty ? nil : ports
  }

  private func dependencies() -> [JobDependency]? {
    let found = dependsOn.map { text in
      let (job, word) = Self.split(text)
      // A job's name has no colon.
      return JobDependency(job: job, condition: word.flatMap(JobDependency.Condition.init(rawValue:)) ?? .ok)
    }
    return found.isEmpty ? nil : found
  }

  private func retryPolicy() throws -> RetryPolicy? {
    if retryOn == nil && retryDelay == nil { return nil }
    var policy = RetryPolicy.standard
    if let retryDelay { policy.delaySeconds = retryDelay.seconds }
    if let retryOn {
      policy.on = try Set(
        retryOn.split(separator: ",").map { word in
          let state = ["oom": .outOfMemory, "timeout": .timedOut][word] ?? JobState(rawValue: String(word))
          guard let state, RetryPolicy.possible.contains(state) else {
            throw ValidationError("--retry-on takes failed, oom, lost and timeout, separated by commas; not `\(word)`.")
          }
          return state
        })
    }
    return policy
  }

  private static func split(_ text: String) -> (String, String?) {
    guard let colon = text.firstIndex(of: ":") else { return (text, nil) }
    return (String(text[..<colon]), String(text[text.index(after: colon)...]))
  }
}
