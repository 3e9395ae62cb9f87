import API
import Configuration
import Containers
import GPUs
import Glibc
import HTTPService
import HostChecks
import Jobs
import Linux
import StorageAPI
import UnixHTTP

extension ControlAPI {
  func addSystemRoutes(to routes: inout Routes) {
    routes.add("GET", "/v1/system/info") { _ in try .json(await information()) }
    routes.add("GET", "/v1/system/doctor") { _ in try .json(try await doctor()) }
    routes.add("GET", "/v1/gpus") { _ in
      let gpus = try await jobs.gpuStatus()
      return try .json(GPUList(gpus: gpus.map { API.GPU($0) }))
    }
  }

  private func information() async -> SystemInfo {
    let host = jobs.hostReport()
    return SystemInfo(
      version: version, pid: getpid(), uptimeSeconds: UInt64(started.duration(to: .now).components.seconds),
      directory: configuration.control.directory, socket: configuration.controlSocket,
      listen: configuration.control.listen?.description, podmanVersion: host.podmanVersion,
      containerRuntime: host.runtime, cgroupMode: host.cgroupMode.rawValue,
      // That it can't be reached is an answer here, not an error.
      storage: try? await storage.information())
  }

  private func doctor() async throws -> DoctorReport {
    let directory = configuration.storage.directory
    var findings = try await offPool { HostChecks(storageDirectory: directory).findings() }
    findings += jobs.hostReport().findings.map { DoctorReport.Finding($0) }
    findings.append(DoctorReport.Finding(.ok, "cairnd", "version \(version), process \(getpid())"))
    do {
      let information = try await storage.information()
      findings.append(
        DoctorReport.Finding(
          .ok, "cairnfsd", "version \(information.version), process \(information.pid), mounted at \(information.mount)"
        ))
    } catch {
      findings.append(
        DoctorReport.Finding(.fail, "cairnfsd", "can't be used: \(error)", remedy: "systemctl restart cairnfsd"))
    }
    return DoctorReport(findings: findings)
  }
}
