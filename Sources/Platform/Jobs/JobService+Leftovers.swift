import Containers
import ControlDatabase
import FoundationEssentials
import Glibc
import JobStates
import Linux
import Logging

/// What an earlier daemon has left.
extension JobService {
  /// Removes leftovers, however often podman is killed over it, and returns the orphans.
  func orphansWithoutLeftovers() async throws -> [String] {
    while true {
      do {
        return try await removeLeftovers()
      } catch let error as ContainerError where error.isInterruption {
        logger.warning("what an earlier daemon left is looked for again: \(error)")
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  /// Removes what attempts that have ended have left on the host, because there was no time to.
  /// - Returns: containers of ours that no record tells of, as after a database was brought back from a copy.
  func removeLeftovers() async throws -> [String] {
    try await podman.settle(label: instanceLabel, value: files.directory)
    // Nobody reads them any more: no podman of ours is on its way.
    for file in Self.names(in: files.directory) where file.hasSuffix(".env") || file.hasSuffix(".dockerfile") {
      unlink("\(files.directory)/\(file)")
    }
    var needed: Set<String> = []
    for job in try await database.unfinishedJobs() where job.state.isActive {
      needed.insert(try await database.attempt(job.attempt, of: job.id).container)
    }
    let containers = try await podman.containers(label: instanceLabel, value: files.directory)
      .filter { !$0.hasPrefix(suggesterContainerPrefix) }
    let known = try await database.containers(among: containers)
    let others = (Self.names(in: files.overlays) + Self.names(in: files.secrets))
      .filter { !$0.hasPrefix(suggesterContainerPrefix) }
    for container in Set(known).union(others).subtracting(needed).subtracting(Set(containers).subtracting(known)) {
      do {
        try await runner.clean(after: container)
      } catch let error as ContainerError where error.isInterruption {
        throw error
      } catch {
        try Task.checkCancellation()
        // Such as a shell that somebody left in it: no reason for all jobs to wait.
        logger.error("what container \(container) left stays until the next start: \(error)")
      }
    }
    return Set(containers).subtracting(known).sorted()
  }

  /// Ends containers that no record tells of, as gently as a stop: what they have written so far stays in their log.
  func end(orphans: [String]) async {
    for container in orphans {
      logger.warning("container \(container) belongs to no job; it is stopped and removed, its log is kept")
      do {
        try await podman.remove(container, grace: 30)
        try await runner.clean(after: container)
      } catch {
        if !Task.isCancelled { logger.error("container \(container) could not be removed: \(error)") }
      }
    }
  }

  private static func names(in directory: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
  }
}
