import Containers
import ControlDatabase

/// Refuses what could never be served.
func check(_ specification: DeploymentSpecification, name: String) throws {
  func refuse(_ message: String) throws {
    throw ControlError(.invalid, subject: name, message)
  }

  let image = specification.image
  if image.isEmpty || image.hasPrefix("-") || image.utf8.contains(0) {
    try refuse("\"\(image)\" can't be an image's name; use one that podman knows, or host")
  }
  if image == DeploymentSpecification.hostImage && specification.command.isEmpty {
    try refuse("on the host's own programs a deployment needs a command; give one after --, or use --runtime")
  }
  if specification.command.contains(where: { $0.utf8.contains(0) }) || specification.command.first?.isEmpty ?? false {
    try refuse("the command has an empty first word or a null byte in it")
  }
  for (key, value) in specification.environment where !isVariableName(key) || value.utf8.contains(0) {
    try refuse("\"\(key)\" can't be set in a replica's environment: use letters, digits and underscores")
  }
  if specification.port == 0 { try refuse("a replica's port is 1 to 65535") }
  if let limit = specification.concurrency, !(1...1_000_000).contains(limit) {
    try refuse("--concurrency is 1 to 1000000")
  }
  if let cpus = specification.cpus, !(cpus >= 0.01 && cpus.isFinite) { try refuse("--cpus is 0.01 or more") }
  for variable in (specification.secrets ?? [:]).keys where !isVariableName(variable) {
    try refuse("\"\(variable)\" can't be a variable's name; give another: --secret NAME:VARIABLE")
  }
  for path in (specification.secretFiles ?? [:]).keys where !ContainerSpecification.fitsMountPoint(path) {
    try refuse("\"\(path)\" can't be a secret's file: use an absolute path without commas")
  }
  if let memory = specification.memoryBytes, memory < 8 << 20 { try refuse("--memory is 8m or more") }
  if !(0...3600).contains(specification.drainSeconds) || !(0...3600).contains(specification.graceSeconds) {
    try refuse("a drain and a grace period are 0 to 3600 seconds")
  }
  try check(specification.probes, name: name)
}

private func check(_ probes: Probes, name: String) throws {
  for case .http(let path) in [probes.readiness, probes.liveness] {
    // Visible ASCII: it is written into a request's first line.
    guard path.hasPrefix("/"), path.utf8.count <= 1024, path.utf8.allSatisfy({ (33...126).contains($0) }) else {
      throw ControlError(.invalid, subject: name, "\"\(path)\" can't be a probe's path; begin with a slash")
    }
  }
  guard (1...86_400).contains(probes.startupSeconds), (0.1...3600).contains(probes.periodSeconds),
    (0.1...3600).contains(probes.timeoutSeconds), (1...1000).contains(probes.failures)
  else {
    throw ControlError(
      .invalid, subject: name,
      "a probe's start-up time is 1 to 86400 s, its period and time-out 0.1 to 3600 s, its failures 1 to 1000")
  }
}

func check(_ scaling: Scaling, name: String) throws {
  func refuse(_ message: String) throws { throw ControlError(.invalid, subject: name, message) }
  if !(0...1000).contains(scaling.minimum) || !(scaling.minimum...1000).contains(scaling.maximum) {
    try refuse("replicas are 0 to 1000, and the maximum is no less than the minimum")
  }
  if scaling.maximum == 0 && scaling.minimum == 0 { return }
  if !(scaling.targetInFlight >= 0.1 && scaling.targetInFlight <= 1e6) {
    try refuse("the target of requests in flight is 0.1 to 1000000")
  }
  if !(1...86_400).contains(scaling.idleSeconds) { try refuse("the idle time is 1 to 86400 seconds") }
  if !(0...100_000).contains(scaling.holdLimit) || !(1...3600).contains(scaling.holdSeconds) {
    try refuse("requests held are 0 to 100000, for 1 to 3600 seconds")
  }
}

func check(_ rollout: Rollout, name: String) throws {
  if let percent = rollout.canaryPercent, !(1...99).contains(percent) {
    throw ControlError(.invalid, subject: name, "a canary's share is 1 to 99 percent")
  }
  guard (1...86_400).contains(rollout.deadlineSeconds) else {
    throw ControlError(.invalid, subject: name, "a rollout's deadline is 1 to 86400 seconds")
  }
}

/// A deployment's name is part of its address, of containers' names and of the proxy's configuration.
func check(deploymentName name: String) throws {
  guard Names.isValid(name) else {
    throw ControlError(
      .invalid, subject: name,
      "\"\(name)\" can't be a deployment's name: use up to 64 letters, digits, dots, dashes and underscores,"
        + " beginning with a letter or digit")
  }
}

private func isVariableName(_ name: String) -> Bool {
  guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
  return name.utf8.allSatisfy { byte in
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
  }
}
