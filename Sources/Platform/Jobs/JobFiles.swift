import Containers

/// Where the control plane keeps the files of a job.
struct JobFiles: Sendable {
  /// The control plane's directory.
  let directory: String

  var logs: String { directory + "/logs" }

  func logDirectory(of job: String) -> String { "\(logs)/\(job)" }

  func log(of job: String, attempt: Int) -> String { "\(logDirectory(of: job))/\(attempt).log" }

  func usage(of job: String, attempt: Int) -> String { "\(logDirectory(of: job))/\(attempt).usage" }

  /// A requirements file, see ``JobPackages``.
  func packages(of job: String, attempt: Int) -> String { "\(logDirectory(of: job))/\(attempt).packages" }

  /// Holds the overlays of jobs on the host's root file system, each named as its container.
  var overlays: String { directory + "/overlays" }

  func overlay(of container: String) -> String { "\(overlays)/\(container)" }

  /// Holds what containers are given in memory, each directory named as its container.
  var secrets: String { directory + "/secrets" }

  func secrets(of container: String) -> SecretFiles { SecretFiles(directory: "\(secrets)/\(container)") }

  /// There while an image is being built for a container.
  func dockerfile(of container: String) -> String { "\(directory)/\(container).dockerfile" }

  /// There while a container is being started.
  func environment(of container: String) -> String { "\(directory)/\(container).env" }
}
