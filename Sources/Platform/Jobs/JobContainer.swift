import Containers
public import ControlDatabase
import Glibc
import JobStates

/// The label that marks an instance's containers, with its control directory as the value: two
/// instances on one host must not take each other's for their own.
let instanceLabel = "io.cairn.instance"

/// How names of containers begin that bear the label and are not of jobs, but of the experiments' suggesters. Whoever looks
/// for what jobs have left must not take them for that: they start while it looks.
public let suggesterContainerPrefix = "cairn-optuna-"

extension ContainerSpecification {
  /// An attempt's container.
  /// - Parameters:
  ///   - environment: what Cairn offers; the job's own wins.
  ///   - mount: the host's path of Cairn's mount.
  ///   - gpus: the names by which podman knows what was leased.
  ///   - overlay: of a job that runs on the host's root file system.
  ///   - masked: what such a job must not see.
  ///   - secrets: what they are; their files lie where `files` says.
  init(
    job: Job, attempt: Attempt, image: String, environment offered: [String: String], files: JobFiles, mount: String,
    gpus: [String], overlay: HostOverlay?, masked: [String], secrets: JobSecrets
  ) {
    var environment = offered.merging(job.request.environment) { $1 }.merging(secrets.environment) { $1 }
    let secretFiles = files.secrets(of: attempt.container)
    if overlay != nil {
      // The host's programs are found where the host finds them.
      for name in ["PATH", "LANG"] where environment[name] == nil {
        environment[name] = getenv(name).map { String(cString: $0) }
      }
    }
    environment["CAIRN_JOB_ID"] = job.id
    environment["CAIRN_ATTEMPT"] = String(attempt.number)
    environment["CAIRN_PROJECT"] = job.project

    self.init(
      name: attempt.container, root: overlay.map { .directory($0.root) } ?? .image(image),
      command: job.request.command, workingDirectory: "/workspace", environment: environment,
      mounts: (overlay?.mounts(masking: masked + [mount]) ?? [])
        + [.init(.directory("\(mount)/storage", readOnly: false), at: "/storage")]
        + job.request.allDirectories(of: job.id).map { directory in
          let source = directory.source.hasPrefix("/") ? directory.source : "\(mount)/\(directory.source)"
          return .init(.directory(source, readOnly: directory.isReadOnly), at: directory.destination)
        }
        + (job.request.models ?? []).map { model in
          .init(.directory("\(mount)/\(model.path)", readOnly: true), at: "/models/\(model.name)/\(model.version)")
        }
        + secrets.files.enumerated().map { number, file in
          .init(.directory(secretFiles.file(number), readOnly: true), at: file.path)
        },
      labels: [
        instanceLabel: files.directory, "io.cairn.job": job.id, "io.cairn.attempt": String(attempt.number),
        "io.cairn.project": job.project,
      ],
      logPath: files.log(of: job.id, attempt: attempt.number),
      environmentPath: secrets.isEmpty ? files.environment(of: attempt.container) : secretFiles.environment,
      cpus: job.request.cpus, memoryBytes: job.request.memoryBytes, gpus: gpus, user: job.request.user)
    ports = (job.request.ports ?? []).map { ContainerPort($0) }
    join(job.request.experiment)
  }
}

extension JobRequest {
  /// Whether the job has a workspace of its own, or artifacts.
  var hasWorkspace: Bool { !(directories ?? []).contains { $0.destination == "/workspace" } }
  public var hasArtifacts: Bool { !(directories ?? []).contains { $0.destination == "/artifacts" } }

  fileprivate func allDirectories(of job: String) -> [MountedDirectory] {
    var all = directories ?? []
    if hasWorkspace { all.append(MountedDirectory("workspaces/\(job)", at: "/workspace")) }
    if hasArtifacts { all.append(MountedDirectory("artifacts/\(project)/\(job)", at: "/artifacts")) }
    return all
  }
}
