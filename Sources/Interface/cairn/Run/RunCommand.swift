import API
import ArgumentParser
import Glibc
import JobStates
import Workspace

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a command as a job, from this directory.",
    discussion: """
      The directory is sent as the job's workspace: of its content only what the store lacks, without \
      .git and what .cairnignore, or else .gitignore, leaves out. The job's log is followed, and its \
      exit code passed on.

      Ctrl-C asks the job to stop, and goes on following it; a second Ctrl-C leaves it alone.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Option(name: .shortAndLong, help: "The project; by default the name of the workspace's directory.")
  var project: String?

  @Option(name: .shortAndLong, help: "A name for the job.")
  var name: String?

  @Option(name: .shortAndLong, help: "An image that podman knows, or `host` for this host's own root file system.")
  var image = "host"

  @Option(help: "How many GPUs.")
  var gpus = 0

  @Option(help: ArgumentHelp("Shards of one GPU that others have shards of, too, such as 1/4.", valueName: "n/of"))
  var gpuShards: GPUShare?

  @Option(help: ArgumentHelp("A MIG instance of this profile, such as 1g.5gb.", valueName: "profile"))
  var gpuMig: String?

  @Option(
    help: "interactive: before all others; preemptible: stopped and queued again when another needs what it holds.")
  var priority = JobPriority.normal

  @Option(help: ArgumentHelp("How many processors, such as 1.5; by default all.", valueName: "number"))
  var cpus: Double?

  @Option(help: ArgumentHelp("How much memory, such as 8g; by default all.", valueName: "size"))
  var memory: ByteCount?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("A variable; KEY alone takes its value from here.", valueName: "KEY=VALUE"))
  var env: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The directory to send, a git repository as git+https://HOST/PATH@REF, or `none`.", valueName: "directory"))
  var workspace = "."

  @Option(
    help: ArgumentHelp("A model version to see at /models/NAME/VERSION; may be repeated.", valueName: "NAME:VERSION"))
  var mountModel: [String] = []

  @Option(help: ArgumentHelp("How long an attempt may run, such as 2h; by default for ever.", valueName: "time"))
  var timeout: Seconds?

  @OptionGroup var options: RunOptions

  @Flag(help: "Open a TensorBoard over its artifacts, and print an address.")
  var tensorboard = false

  @Flag(name: .shortAndLong, help: "Print the job's identifier and return.")
  var detach = false

  @Argument(parsing: .postTerminator, help: "The command, after `--`; run as it is, by no shell.")
  var command: [String] = []

  func validate() throws {
    if command.isEmpty { throw ValidationError("Give a command after `--`, such as: cairn run -- python train.py") }
    if gpus < 0 { throw ValidationError("--gpus must not be negative.") }
    if let cpus, !(cpus > 0 && cpus.isFinite) { throw ValidationError("--cpus must be above 0.") }
    if memory?.bytes == 0 { throw ValidationError("--memory must be above 0.") }
    if timeout?.seconds == 0 { throw ValidationError("--timeout must be above 0.") }
    _ = try GitWorkspace(workspace)
    for variable in env where variable.isEmpty || variable.hasPrefix("=") {
      throw ValidationError("--env takes KEY=VALUE, not `\(variable)`.")
    }
  }

  func run() async throws {
    let client = connection.client
    // Asked first, so that a daemon that is not there is found out before a large tree is read.
    _ = try await client.information()
    var (directory, name) = (workspace == "none" ? nil : workspace, try workspaceName())
    var checkout: TemporaryDirectory?
    defer { checkout?.remove() }
    if let repository = try GitWorkspace(workspace) {
      let temporary = try TemporaryDirectory(prefix: "cairn-git")
      checkout = temporary
      try await repository.checkOut(into: temporary.path)
      (directory, name) = (temporary.path, repository.name)
    }
    var snapshot: UInt32?
    if let directory { snapshot = try await sendWorkspace(directory, to: client) }
    var wanted = NewJob(
      project: project, directory: name, name: self.name, image: image, command: command, environment: environment(),
      gpus: gpus, cpus: cpus, memoryBytes: memory?.bytes, workspaceSnapshot: snapshot,
      timeoutSeconds: timeout?.seconds, models: mountModel.isEmpty ? nil : mountModel,
      git: try directory.flatMap { GitDirectory.commit(in: try absolutePath($0)) })
    try options.apply(to: &wanted)
    wanted.priority = priority
    wanted.gpuShards = gpuShards.map { "\($0)" }
    wanted.gpuMig = gpuMig
    let job = try await client.submit(wanted)
    if detach {
      if output.json { try Terminal.print(json: job) } else { Terminal.print(job.id) }
      if tensorboard { await showTensorBoard(of: job.id) }
      return
    }
    // What becomes of it is no matter of the job's: it is left when the job has ended.
    async let _: Void? = tensorboard ? showTensorBoard(of: job.id) : nil
    if Terminal.showsProgress { Terminal.complain("cairn: job \(job.id) in project \(job.project)") }
    let ended = try await JobFollower(client: client, job: job.id, json: output.json).run()
    if output.json { try Terminal.print(json: ended) }
    let code = programExitCode(for: ended)
    if code != 0 {
      Terminal.complain(ending(of: ended))
      throw ExitCode(code)
    }
  }

  private func showTensorBoard(of job: String) async {
    do {
      let status = try await TensorBoardOpener(client: connection.client, job: job).run()
      Terminal.complain("cairn: TensorBoard of job \(job): \(status.url)")
    } catch is CancellationError {
      // The job has ended before.
    } catch is ExitCode {
      // Why, it has said.
    } catch {
      Terminal.complain("cairn: the TensorBoard of job \(job) can't be opened: \(error)")
    }
  }

  /// What the environment of the job gets from the options.
  func environment() -> [String: String] {
    var values: [String: String] = [:]
    for variable in env {
      if let equals = variable.firstIndex(of: "=") {
        values[String(variable[..<equals])] = String(variable[variable.index(after: equals)...])
      } else if let value = getenv(variable) {
        values[variable] = String(cString: value)
      }
    }
    return values
  }

  /// The name of the workspace's directory, or of this one where none is sent.
  private func workspaceName() throws -> String {
    let directory = workspace == "none" || workspace.hasPrefix("git+") ? "." : workspace
    return try absolutePath(directory).split(separator: "/").last.map(String.init) ?? "root"
  }

  private func ending(of job: Job) -> String {
    var text = "cairn: job \(job.id) \(job.state.rawValue) (\(job.reason.rawValue)"
    if let code = job.exitCode { text += ", exit code \(code)" }
    text += ")"
    if let detail = job.detail { text += ": \(detail)" }
    return text
  }
}

extension JobPriority: ExpressibleByArgument {}

extension GPUShare: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
