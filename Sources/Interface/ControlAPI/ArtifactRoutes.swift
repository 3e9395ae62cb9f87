import API
import ArtifactFiles
import Configuration
import ControlDatabase
import FoundationEssentials
import HTTPService
import JobStates
import Linux
import StorageAPI
import Wire

extension ControlAPI {
  func addArtifactRoutes(to routes: inout Routes) {
    routes.add("GET", "/v1/artifacts/{job}") { request in
      let directory = try await artifacts(of: find(request))
      let path = try artifactPath(request)
      let recursive = try request.flag("recursive")
      let entries = try await offPool { try directory.list(path, recursive: recursive) }
      return try .json(ArtifactList(directory: directory.root, entries: entries))
    }
    routes.add("GET", "/v1/artifacts/{job}/content") { request in
      let directory = try await artifacts(of: find(request))
      let path = try artifactPath(request)
      let file = try await offPool { try directory.open(path) }
      return try content(of: file, range: request.header("Range"))
    }
    routes.add("DELETE", "/v1/artifacts/{job}") { request in
      let job = try await find(request)
      let path = try artifactPath(request)
      if path.isEmpty {
        try await removeAll(of: job)
      } else {
        let directory = artifacts(of: job)
        try await offPool { try directory.remove(path) }
      }
      return .empty
    }
  }

  private func volumePath(of job: PlatformJob) -> String { "artifacts/\(job.project)/\(job.id)" }

  func artifacts(of job: PlatformJob) -> ArtifactDirectory {
    ArtifactDirectory(root: configuration.storage.mount + "/" + volumePath(of: job))
  }

  /// All of a job's artifacts are a volume, and go with it.
  private func removeAll(of job: PlatformJob) async throws {
    guard job.state.isTerminal else {
      throw APIError.conflict(
        "Job \(job.id) is \(job.state.rawValue); stop it before all of its artifacts are removed.", subject: job.id)
    }
    if let volume = try await storage.volume(path: volumePath(of: job)) { try await storage.removeVolume(volume.id) }
  }

  /// `path`, or `path_bytes` in base64 for what is not UTF-8; empty where neither is given.
  private func artifactPath(_ request: Request) throws -> [UInt8] {
    if let encoded = request.query("path_bytes") {
      guard let bytes = Data(base64Encoded: encoded) else {
        throw APIError.invalid("`path_bytes` is not base64.", subject: "path_bytes")
      }
      return Array(bytes)
    }
    return Array((request.query("path") ?? "").utf8)
  }

  func content(of file: ArtifactFile, range header: String?) throws -> Reply {
    let size = file.size
    guard let header else {
      var reply = Reply.stream(contentType: "application/octet-stream", file.pieces(0..<size))
      reply.headers.append(("Accept-Ranges", "bytes"))
      reply.headers.append(("X-Content-Type-Options", "nosniff"))
      return reply
    }
    guard let range = byteRange(header, size: size) else {
      throw APIError(
        status: 416, code: "range_not_satisfiable",
        message: "The range \(header.prefix(80)) is not in the \(size) bytes of this file; one range is possible.")
    }
    var reply = Reply.stream(contentType: "application/octet-stream", status: 206, file.pieces(range))
    reply.headers.append(("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"))
    return reply
  }
}

/// The one range of a `Range` header (RFC 9110, 14.1.2), cut to a file of this size; nil where there
/// is none in it.
func byteRange(_ header: String, size: UInt64) -> Range<UInt64>? {
  guard header.hasPrefix("bytes="), !header.contains(",") else { return nil }
  let ends = header.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
  guard ends.count == 2 else { return nil }
  if ends[0].isEmpty {
    guard let count = UInt64(ends[1]), count > 0, size > 0 else { return nil }
    return (size - min(count, size))..<size
  }
  guard let first = UInt64(ends[0]), first < size else { return nil }
  if ends[1].isEmpty { return first..<size }
  guard let last = UInt64(ends[1]), last >= first else { return nil }
  return first..<(min(last, size - 1) + 1)
}
