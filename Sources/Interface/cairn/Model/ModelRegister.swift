import API
import ArgumentParser
import Chunks
import Glibc
import StorageAPI
import Workspace

struct ModelRegister: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "register", abstract: "Make a new version of a model from files.",
    discussion: """
      PATH is a directory or a file of this machine, of which only what the store lacks is sent; what .cairnignore, \
      or else .gitignore, leaves out is not part of it. JOB:PATH is a directory or a file among a job's artifacts, \
      JOB: alone all of them; then no bytes move.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Option(name: .shortAndLong, help: "The project; by default the job's, or named as this directory.")
  var project: String?

  @Option(name: .shortAndLong, help: "What people should know of this version.")
  var description: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("A tag of this version; may be repeated.", valueName: "KEY=VALUE"))
  var tag: [String] = []

  @Argument(help: "The model's name; registered on first use.")
  var name: String

  @Argument(help: "PATH or JOB:PATH.")
  var source: String

  func run() async throws {
    let client = connection.client
    let tags = try parseTags(tag)
    var new = NewModelVersion(project: project, description: description, tags: tags.isEmpty ? nil : tags)
    if access(source, F_OK) == 0 {
      // Asked first, so that a daemon that is not there is found out before a large tree is read.
      _ = try await client.information()
      new.directory = try workingDirectoryName()
      new.upload = try await upload(to: client)
    } else if let colon = source.firstIndex(of: ":"), colon != source.startIndex {
      new.job = String(source[..<colon])
      new.path = String(source[source.index(after: colon)...])
    } else {
      throw ValidationError("There is no \(source) here. Give a path, or JOB:PATH for a job's artifacts.")
    }
    let version = try await client.register(model: name, new)
    if output.json { return try Terminal.print(json: version) }
    Terminal.print("\(version.name):\(version.version)\(version.path.map { " \($0)" } ?? "")")
  }

  private func upload(to client: CairnClient) async throws -> UInt32 {
    let progress = ProgressLine()
    defer { progress.end() }
    // A single file goes as a directory of one.
    let directory = try OneFileDirectory(source)
    let upload = WorkspaceUpload(
      directory: directory?.path ?? source, cacheLocation: directory == nil ? IndexCache.location(for: source) : nil,
      to: ModelDestination(client: client)
    ) { step in
      progress.show(
        step.missingBytes == 0
          ? "read \(step.files) files, \(describe(bytes: step.bytes))"
          : "sent \(describe(bytes: step.sentBytes)) of \(describe(bytes: step.missingBytes))")
    }
    let result = try await upload.run()
    for file in result.skipped { Terminal.complain("cairn: left out the \(file.kind) \(printable(file.path))") }
    return result.snapshot
  }

  private func workingDirectoryName() throws -> String {
    guard let path = getcwd(nil, 0) else { throw ValidationError("This directory is gone.") }
    defer { free(path) }
    return String(cString: path).split(separator: "/").last.map(String.init) ?? "root"
  }
}

/// Sends a model to `cairnd`, which passes it on to the store.
struct ModelDestination: WorkspaceDestination {
  private let chunks: CairnDestination
  private let client: CairnClient

  init(client: CairnClient) {
    self.client = client
    chunks = CairnDestination(client: client)
  }

  func missing(_ digests: [Digest]) async throws -> [Digest] { try await chunks.missing(digests) }
  func add(_ contents: [[UInt8]]) async throws { try await chunks.add(contents) }

  func commit(_ tree: [WorkspaceTreeEntry]) async throws -> UInt32 {
    try await client.addModelTree(tree.map(chunks.wire)).id
  }
}
