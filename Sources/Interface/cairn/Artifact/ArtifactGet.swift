import API
import ArgumentParser
import FoundationEssentials
import UnixHTTP
import Workspace

struct ArtifactGet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Copy a job's artifacts, or some of them, to here.",
    discussion: """
      A file goes to DEST, or into it where DEST is a directory; a directory's content goes below DEST. \
      With `-` as DEST a file goes to standard output. Files that are there are replaced.
      """)

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "The job.")
  var job: String

  @Argument(help: "A directory or file among the artifacts; by default all of them.")
  var path: String?

  @Argument(help: "Where to; by default this directory.")
  var destination: String?

  func run() async throws {
    let client = connection.client
    let path = Array((path ?? "").utf8)
    let list = try await client.artifacts(of: job, path: path, recursive: true)
    let isFile = list.entries.count == 1 && list.entries[0].kind == .file && Array(list.entries[0].pathBytes) == path
    if destination == "-" {
      guard isFile else { throw ValidationError("Only a file can go to standard output.") }
      for try await piece in try await client.artifact(of: job, path: path) { Terminal.write(piece, to: 1) }
      return
    }
    let progress = ProgressLine()
    var copied: UInt64 = 0
    let total = list.entries.reduce(0) { $0 + ($1.kind == .file ? $1.size : 0) }
    let target = ArtifactTarget(destination: destination ?? ".", source: path, isFile: isFile)
    for entry in list.entries {
      guard let writer = try await target.begin(entry) else { continue }
      for try await piece in try await client.artifact(of: job, path: Array(entry.pathBytes)) {
        try await writer.write(piece)
        copied += UInt64(piece.count)
        progress.show("copied \(describe(bytes: copied)) of \(describe(bytes: total))")
      }
      try await writer.finish()
    }
    progress.end()
  }
}
