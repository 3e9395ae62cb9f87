import API
import ArgumentParser
import FoundationEssentials
import Glibc
import Linux
import ModelFormats
import UnixHTTP

struct ModelGet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Copy a version's files to here, and check them against its checksums.",
    discussion: "On this host they can be read where they are: see `path` of cairn model show.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var options: ModelOptions

  @Argument(help: "NAME:VERSION; NAME alone for the latest.")
  var model: ModelReference

  @Argument(help: "The directory to copy to; made if need be. By default NAME-VERSION.")
  var destination: String?

  func run() async throws {
    let client = connection.client
    let list = try await client.files(ofModel: model.name, model.version ?? "latest", project: options.project)
    let version = list.version
    guard version.path != nil else {
      throw ValidationError(
        "The files of \(version.name):\(version.version) are not in Cairn but at \(version.source).")
    }
    guard
      ContentDigest.digest(of: list.files.map { VersionFile(path: $0.path, size: $0.size, sha256: $0.sha256) })
        == version.digest
    else { throw WrongChecksum("the list of its files") }
    let destination = destination ?? "\(version.name)-\(version.version)"
    let progress = ProgressLine()
    defer { progress.end() }
    var copied: UInt64 = 0
    let total = list.files.reduce(0) { $0 + $1.size }
    let target = ArtifactTarget(destination: destination, source: [], isFile: false)
    for file in list.files {
      let entry = ArtifactEntry(
        path: Data(file.path.utf8), kind: .file, size: file.size, modifiedNanoseconds: 0, mode: 0o644)
      guard let writer = try await target.begin(entry) else { continue }
      let digest = ContentDigest()
      do {
        let body = try await client.file(
          file.path, ofModel: version.name, "\(version.version)", project: version.project)
        for try await piece in body {
          piece.withUnsafeBytes { digest.update($0) }
          try await writer.write(piece)
          copied += UInt64(piece.count)
          progress.show("copied \(describe(bytes: copied)) of \(describe(bytes: total))")
        }
      } catch {
        _ = digest.finish()
        writer.discard()
        throw error
      }
      // Nothing wrong gets the file's name.
      guard digest.finish() == file.sha256 else {
        writer.discard()
        throw WrongChecksum(file.path)
      }
      try await writer.finish()
    }
    progress.end()
    if output.json { return try Terminal.print(json: list) }
    Terminal.print("\(destination): \(list.files.count) files, \(describe(bytes: total)), as their checksums say")
  }
}

/// What came is not what was registered.
struct WrongChecksum: Error, CustomStringConvertible {
  let description: String

  init(_ what: String) {
    description = "\(what) came with a wrong checksum: try again, and if it stays so, run cairn storage check"
  }
}
