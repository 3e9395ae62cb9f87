import FileSystem
import HTTPService
import StorageAPI
import Wire

// The care of the store: POST /v1/gc, /v1/check.
extension StorageService {
  func addCareRoutes(to router: inout Router) {
    router.add("POST", "/v1/gc") { [self] _ in
      try .json(GarbageCollection(try await onStore { try $0.collectGarbage() }))
    }
    router.add("POST", "/v1/check") { [self] request in
      let wanted: CheckRequest = try await request.json()
      return try .json(CheckResult(try await onStore { try $0.check(repair: wanted.repair) }))
    }
  }
}

extension GarbageCollection {
  init(_ report: CollectionReport) {
    self.init(
      removedPacks: report.removedPacks, removedBytes: report.removedBytes, repackedPacks: report.repackedPacks,
      copiedBytes: report.copiedBytes, deletedChunks: report.deletedChunks, packBytes: report.packBytes,
      liveBytes: report.liveBytes, seconds: report.seconds, notices: report.notices)
  }
}

extension CheckResult {
  init(_ report: CheckReport) {
    self.init(
      findings: report.findings.map { CheckFinding(sentence: $0.sentence, paths: $0.paths) }, repairs: report.repairs,
      packs: report.packs, chunks: report.chunks, bytes: report.bytes, damagedChunks: report.damagedChunks,
      volumes: report.volumes, inodes: report.inodes, seconds: report.seconds)
  }
}
