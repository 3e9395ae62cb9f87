import Containers
import ControlDatabase
import JobStates
import Secrets

/// The values of a job's secrets.
struct JobSecrets: Sendable {
  /// By variable.
  var environment: [String: String] = [:]
  /// In the order of the job's request.
  var files: [(path: String, value: [UInt8])] = []

  /// - Throws: ``ControlError`` `notFound`, and `invalid` for a value that can't be one of a variable; `SecretError`.
  init(of request: JobRequest, from secrets: SecretService) async throws {
    for use in request.secrets ?? [] {
      let value = try await secrets.value(of: use.name, for: request.project)
      if let path = use.file { files.append((path, value)) }
      if let variable = use.variable {
        guard let text = String(validating: value, as: UTF8.self), ContainerSpecification.fitsFile(text) else {
          throw ControlError(
            .invalid, subject: use.name,
            "secret \(use.name) has several lines or is no text, so it can't be a variable; give it as a file: "
              + "--secret-file \(use.name)")
        }
        environment[variable] = text
      }
    }
  }

  var isEmpty: Bool { environment.isEmpty && files.isEmpty }

  /// What a job's log must not show: each line of each value that it may have been given, also of those that were
  /// replaced or removed since, if it is long enough not to stand there by chance.
  /// - Throws: `ControlError` `notFound`, `SecretError`: then nobody knows what to hide, and nothing is to be shown.
  static func traces(in job: Job, from secrets: SecretService) async throws -> [[UInt8]] {
    var values: [[UInt8]] = []
    for use in job.request.secrets ?? [] {
      values += try await secrets.values(of: use.name, for: job.project, since: job.createdAt)
    }
    return SecretService.traces(of: values)
  }
}

/// Refuses what can't be the way in which a job is given a secret.
func check(_ secrets: [SecretUse]) throws {
  guard secrets.count <= 100 else { throw ControlError(.invalid, subject: "secrets", "a job has 100 secrets at most") }
  for places in [secrets.compactMap(\.variable), secrets.compactMap(\.file)] where Set(places).count < places.count {
    throw ControlError(.invalid, subject: "secrets", "two secrets are to be at the same place")
  }
  for secret in secrets {
    func refuse(_ message: String) -> ControlError { ControlError(.invalid, subject: secret.name, message) }
    guard (secret.variable == nil) != (secret.file == nil) else {
      throw refuse("secret \(secret.name) is given either as a variable or as a file")
    }
    if let variable = secret.variable, !isEnvironmentName(variable) {
      throw refuse("\"\(variable)\" can't be a variable's name; give another: --secret \(secret.name):VARIABLE")
    }
    if let path = secret.file, !ContainerSpecification.fitsMountPoint(path) {
      throw refuse("\"\(path)\" can't be a secret's file: use an absolute path without commas")
    }
  }
}
