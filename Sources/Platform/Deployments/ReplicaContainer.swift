import Containers
import Glibc

/// The label that marks an instance's replicas, with the directory of its deployments as the value. Not the one of
/// jobs, whose service removes what it does not know.
let deploymentsLabel = "io.cairn.deployments"

extension ContainerSpecification {
  /// A replica's container.
  /// - Parameters:
  ///   - address: what the replica is told to listen on.
  ///   - mount: the host's path of Cairn's mount.
  ///   - overlay: of a replica that runs on the host's root file system.
  ///   - masked: what such a replica must not see.
  ///   - gpus: the names by which podman knows those that it holds.
  ///   - secrets: what they are; their files lie where `files` says.
  init(
    replica: Replica, revision: Revision, files: ReplicaFiles, address: ReplicaAddress, mount: String,
    overlay: HostOverlay?, masked: [String], gpus: [String], secrets: ReplicaSecrets
  ) {
    let specification = revision.specification
    var environment = [
      "CAIRN_DEPLOYMENT": replica.deployment, "CAIRN_REVISION": String(revision.number), "CAIRN_REPLICA": replica.id,
      "CAIRN_PORT": String(address.port), "PORT": String(address.port), "HOST": address.host,
    ]
    if overlay != nil {
      // The host's programs are found where the host finds them.
      for name in ["PATH", "LANG"] { environment[name] = getenv(name).map { String(cString: $0) } }
    }
    environment.merge(specification.environment.merging(secrets.environment) { $1 }) { $1 }
    var mounts = overlay?.mounts(masking: masked + [mount]) ?? []
    mounts.append(.init(.directory("\(mount)/storage", readOnly: false), at: "/storage"))
    if let model = revision.model {
      let path = "/models/\(model.name)/\(model.version)"
      mounts.append(.init(.directory(model.path, readOnly: true), at: path))
      environment.merge([
        "CAIRN_MODEL": model.name, "CAIRN_MODEL_VERSION": model.version, "CAIRN_MODEL_PATH": path,
      ]) { $1 }
    }
    if let program = ServingProgram.directory(), specification.command.contains(where: ServingProgram.isPart) {
      mounts.append(.init(.directory(program, readOnly: true), at: ServingProgram.mountPoint))
    }
    let secretFiles = files.secrets(of: replica.container)
    for (number, file) in secrets.files.enumerated() {
      mounts.append(.init(.directory(secretFiles.file(number), readOnly: true), at: file.path))
    }
    self.init(
      name: replica.container, root: overlay.map { .directory($0.root) } ?? .image(specification.image),
      command: specification.command, workingDirectory: overlay == nil ? nil : "/", environment: environment,
      mounts: mounts,
      labels: [
        deploymentsLabel: files.directory, "io.cairn.deployment": replica.deployment, "io.cairn.replica": replica.id,
      ],
      logPath: files.log(of: replica),
      environmentPath: secrets.isEmpty
        ? files.environment(of: replica.container) : secretFiles.environment,
      cpus: specification.cpus, memoryBytes: specification.memoryBytes, gpus: gpus)
    keepsEntryPoint = overlay == nil && specification.command.isEmpty
  }
}
