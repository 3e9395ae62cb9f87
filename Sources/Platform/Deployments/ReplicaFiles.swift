import Containers
import FoundationEssentials

/// Where the control plane keeps the files of deployments.
struct ReplicaFiles: Sendable {
  /// `deployments` in the control plane's directory.
  let directory: String

  /// Logs of so many containers of a deployment are kept.
  private static let logsKept = 20

  func directory(of deployment: String) -> String { "\(directory)/\(deployment)" }

  /// Holds a file for each container of a deployment.
  func logs(of deployment: String) -> String { "\(directory(of: deployment))/logs" }

  func log(of replica: Replica) -> String { "\(logs(of: replica.deployment))/\(replica.container).log" }

  func accessLog(of deployment: String) -> String { "\(directory(of: deployment))/access.log" }

  /// What the proxy writes of all deployments' requests.
  var requests: String { directory + "/.requests.log" }

  /// Holds the overlays of replicas on the host's root file system. Its name can be no deployment's.
  var overlays: String { directory + "/.overlays" }

  func overlay(of container: String) -> String { "\(overlays)/\(container)" }

  /// Holds what containers are given in memory, each directory named as its container.
  var secrets: String { directory + "/.secrets" }

  func secrets(of container: String) -> SecretFiles { SecretFiles(directory: "\(secrets)/\(container)") }

  /// There while a container is being started.
  func environment(of container: String) -> String { "\(directory)/.\(container).env" }

  /// Removes the logs of containers that are long gone, so that a crash loop does not fill the disk.
  func pruneLogs(of deployment: String) throws {
    let directory = logs(of: deployment)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    let dated = names.map { name in
      let path = "\(directory)/\(name)"
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      return (path, attributes?[.modificationDate] as? Date ?? .distantPast)
    }
    for (path, _) in dated.sorted(by: { $0.1 > $1.1 }).dropFirst(Self.logsKept) {
      try FileManager.default.removeItem(atPath: path)
    }
  }

  func remove(_ deployment: String) throws {
    let path = directory(of: deployment)
    if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
  }
}
