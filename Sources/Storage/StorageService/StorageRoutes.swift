import FileSystem
import Glibc
import HTTPService
import StorageAPI
import Synchronization
import Wire

// The store as a whole: GET /v1/info, /v1/usage, /v1/stats; POST /v1/sync.
extension StorageService {
  func addStorageRoutes(to router: inout Router) {
    router.add("GET", "/v1/info") { [self] _ in
      try .json(
        StorageInformation(
          version: cairnVersion, pid: getpid(), storageDirectory: identity.storageDirectory, mount: identity.mount,
          persistentMount: identity.persistentMount, uptimeSeconds: uptimeSeconds))
    }
    router.add("GET", "/v1/usage") { [self] _ in
      let usage = try await onStore { try $0.usage() }
      return try .json(Usage(usage))
    }
    router.add("GET", "/v1/stats") { [self] _ in
      let process = try await threads.run { try ProcessStatistics.current() }
      return try .json(
        StorageStatistics(
          uptimeSeconds: uptimeSeconds, residentBytes: process.residentBytes, threads: process.threads,
          cpuSeconds: process.cpuSeconds, ingestedChunks: counters.ingestedChunks.load(ordering: .relaxed),
          ingestedBytes: counters.ingestedBytes.load(ordering: .relaxed),
          ingestedTrees: counters.ingestedTrees.load(ordering: .relaxed),
          quarantinedChunks: UInt64(fileSystem.quarantinedChunks), kernelRequests: kernelRequests()))
    }
    router.add("POST", "/v1/sync") { [self] _ in
      try await onStore { try $0.synchronizeAll() }
      return .empty
    }
  }
}

extension Usage {
  init(_ usage: StorageUsage) {
    self.init(
      logicalBytes: usage.logicalBytes, uniqueBytes: usage.uniqueBytes, storedBytes: usage.storedBytes,
      packBytes: usage.packBytes, chunks: usage.chunks, inodes: usage.inodes, volumes: usage.volumes,
      stagedBytes: usage.stagedBytes, freeBytes: usage.freeBytes)
  }
}
