import Containers
import FoundationEssentials
import HTTPService
import Logging

/// The address at which containers reach the daemon: where it is, and that it stays there.
///
/// A container has the address in its environment and outlives the daemon, so the port that was chosen once is kept in
/// a file and taken again.
struct JobDoor {
  /// The control plane's.
  let directory: String
  let logger: Logger

  private var file: String { directory + "/job-door.port" }

  /// Listens, and returns the service and its address.
  func open(_ router: Router, for podman: Podman) async throws -> (service: HTTPService, url: String) {
    let gateway = try await podman.gateway()
    let host = gateway ?? "127.0.0.1"
    let kept = (try? String(contentsOfFile: file, encoding: .utf8)).flatMap { UInt16($0) } ?? 0
    var service = make(host, kept, router, isForeseen: gateway != nil)
    do {
      try await service.start()
    } catch  where kept != 0 {
      logger.error("containers that run now can't reach the tracker any more: port \(kept) is taken: \(error)")
      service = make(host, 0, router, isForeseen: gateway != nil)
      try await service.start()
    }
    let port = await service.port ?? kept
    try String(port).write(toFile: file, atomically: true, encoding: .utf8)
    return (service, "http://\(host):\(port)")
  }

  private func make(_ host: String, _ port: UInt16, _ router: Router, isForeseen: Bool) -> HTTPService {
    HTTPService(address: .tcp(host: host, port: port, isForeseen: isForeseen), router: router, logger: logger)
  }
}
