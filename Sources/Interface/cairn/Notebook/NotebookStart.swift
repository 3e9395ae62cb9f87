import API
import ArgumentParser
import JobStates

struct NotebookStart: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Start a new notebook, and print an address for a browser.",
    discussion: """
      /workspace begins as the directory given, and belongs to the notebook from then on. What `pip install` brings, \
      and the home directory, are kept as well. Programs that are installed in other ways go with a stop.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Option(name: .shortAndLong, help: "The project; by default the name of this directory.")
  var project: String?

  @Option(name: .shortAndLong, help: "A name for the notebook.")
  var name: String?

  @Option(name: .shortAndLong, help: "An image with JupyterLab, or `host` for this host's own root file system.")
  var image = "host"

  @Option(help: ArgumentHelp("The Python that has JupyterLab; by default python3.", valueName: "program"))
  var python: String?

  @Option(help: "How many GPUs.")
  var gpus = 0

  @Option(help: ArgumentHelp("How many processors, such as 1.5; by default all.", valueName: "number"))
  var cpus: Double?

  @Option(help: ArgumentHelp("How much memory, such as 8g; by default all.", valueName: "size"))
  var memory: ByteCount?

  @Option(name: .shortAndLong, help: ArgumentHelp("A variable; may be repeated.", valueName: "KEY=VALUE"))
  var env: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "A secret as a variable, by default of its own name; may be repeated.", valueName: "NAME[:VARIABLE]"))
  var secret: [String] = []

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The directory to begin with; by default none.", valueName: "directory"))
  var workspace = "none"

  @Option(
    help: ArgumentHelp("It is stopped when it was idle for so long; 1h by default, 0s: never.", valueName: "time"))
  var idleTimeout: Seconds?

  @Option(help: ArgumentHelp("It is stopped when it has run for so long; by default never.", valueName: "time"))
  var maxLifetime: Seconds?

  @Flag(name: .shortAndLong, help: "Do not wait until it runs; print its identifier.")
  var detach = false

  func validate() throws {
    if gpus < 0 { throw ValidationError("--gpus must not be negative.") }
    for variable in env where !variable.contains("=") || variable.hasPrefix("=") {
      throw ValidationError("--env takes KEY=VALUE, not `\(variable)`.")
    }
  }

  func run() async throws {
    let client = connection.client
    // Asked first, so that a daemon that is not there is found out before a large tree is read.
    _ = try await client.information()
    let snapshot = workspace == "none" ? nil : try await sendWorkspace(workspace, to: client)
    let directory = try absolutePath(workspace == "none" ? "." : workspace).split(separator: "/").last.map(String.init)
    let notebook = try await client.start(
      notebook: NewNotebook(
        project: project, directory: directory ?? "root", name: name, image: image, python: program,
        environment: environment, secrets: secrets, gpus: gpus, cpus: cpus, memoryBytes: memory?.bytes,
        workspaceSnapshot: snapshot,
        idleSeconds: idleTimeout?.seconds, lifetimeSeconds: maxLifetime?.seconds))
    if detach {
      if output.json { try Terminal.print(json: notebook) } else { Terminal.print(notebook.id) }
      return
    }
    try await NotebookFollower(client: client, id: notebook.id).showAddress(asJSON: output.json)
  }

  /// A path of this host where it is the host's Python: what is relative here means nothing there.
  private var program: String? {
    guard let python, image == "host", python.contains("/"), !python.hasPrefix("/") else { return python }
    // Not without its links: by the name it is called a virtual environment's Python knows that it is one.
    return (try? absolutePath(".")).map { "\($0)/\(python)" } ?? python
  }

  private var secrets: [SecretUse]? {
    if secret.isEmpty { return nil }
    return secret.map { text in
      let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
      return SecretUse(name: parts.first ?? "", variable: parts.last ?? "")
    }
  }

  private var environment: [String: String] {
    Dictionary(
      env.map { variable in
        let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), String(parts[1]))
      }, uniquingKeysWith: { $1 })
  }
}
