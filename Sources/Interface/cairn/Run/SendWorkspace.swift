import API
import Glibc
import Workspace

/// A directory's path without links and dots.
func absolutePath(_ directory: String) throws -> String {
  guard let resolved = realpath(directory, nil) else {
    throw WorkspaceError.unreadable(
      path: Array(directory.utf8), call: "realpath", reason: String(cString: strerror(errno)))
  }
  defer { free(resolved) }
  return String(cString: resolved)
}

/// Makes a snapshot of a directory, and shows how far that is. Returns its volume number.
func sendWorkspace(_ workspace: String, to client: CairnClient) async throws -> UInt32 {
  let progress = ProgressLine()
  let upload = WorkspaceUpload(
    directory: workspace, cacheLocation: IndexCache.location(for: workspace), to: CairnDestination(client: client)
  ) { step in
    progress.show(
      step.missingBytes == 0
        ? "read \(step.files) files, \(describe(bytes: step.bytes))"
        : "sent \(describe(bytes: step.sentBytes)) of \(describe(bytes: step.missingBytes))")
  }
  defer { progress.end() }
  let result = try await upload.run()
  progress.end()
  for file in result.skipped { Terminal.complain("cairn: left out the \(file.kind) \(printable(file.path))") }
  if Terminal.showsProgress {
    let done = result.progress
    Terminal.complain(
      "cairn: workspace of \(done.files) files, \(describe(bytes: done.bytes)); "
        + "sent \(describe(bytes: done.sentBytes))")
  }
  return result.snapshot
}
