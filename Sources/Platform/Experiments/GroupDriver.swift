import Containers
import ControlDatabase
import ExperimentFiles
import ExperimentStates
import FoundationEssentials
import Glibc
import JobStates
import Jobs
import Linux
import Logging

/// Takes one group from wherever it is to its end: starts its replicas together, stops all when one fails, and starts them
/// again as often as its file allows. Each step may be repeated, because the daemon may end between any two.
struct GroupDriver {
  private let id: String
  private let group: ReplicaGroup
  private let database: ExperimentDatabase
  private let control: ControlDatabase
  private let jobs: JobService
  private let podman: Podman
  private let directory: ExperimentDirectory
  /// Of this instance's networks, `key=value`.
  private let label: String
  private let logger: Logger

  init(
    _ id: String, _ group: ReplicaGroup, database: ExperimentDatabase, control: ControlDatabase, jobs: JobService,
    podman: Podman, directory: ExperimentDirectory, label: String, logger: Logger
  ) {
    self.id = id
    self.group = group
    self.database = database
    self.control = control
    self.jobs = jobs
    self.podman = podman
    self.directory = directory
    self.label = label
    self.logger = logger
  }

  /// Looks at what has changed and does what follows.
  /// - Returns: whether the group is over.
  func step() async throws -> Bool {
    let experiment = try await database.experiment(id)
    if experiment.state.isTerminal { return true }
    let replicas = try await database.replicas(of: id).filter { $0.restart == experiment.restarts }
    if replicas.isEmpty {
      try await begin(restart: 0, detail: nil)
      return false
    }
    var found: [Job] = []
    for replica in replicas { if let job = try await job(replica.job) { found.append(job) } }
    if found.isEmpty, experiment.state == .running {
      try await start(replicas, of: experiment)
      return false
    }
    let isStopping = experiment.state == .stopping
    let ends = replicas.map { replica in
      let job = found.first { $0.id == replica.job }
      // One that somebody has removed had ended.
      return GroupVerdict.ReplicaEnd(state: job?.state ?? .stopped, endedAt: job?.endedAt)
    }
    switch GroupVerdict.decide(ends, success: group.success, isStopping: isStopping) {
    case .wait: break
    case .stop:
      for job in found where !job.state.isTerminal && job.state != .stopping { _ = try await jobs.stop(job.id) }
    case .succeeded: try await end(.succeeded)
    case .stopped: try await end(.stopped)
    case .failed(let rank): try await fail(rank, replicas, found, experiment)
    }
    return false
  }

  private func fail(_ rank: Int, _ replicas: [Replica], _ found: [Job], _ experiment: Experiment) async throws {
    let replica = replicas[rank]
    let job = found.first { $0.id == replica.job }
    let cause = job?.detail ?? job.map { "it ended as \($0.state.rawValue)" } ?? "its job is gone"
    let detail = "replica \(replica.role)-\(replica.index) (job \(replica.job)) failed: \(cause)"
    if experiment.restarts < group.maxRestarts {
      logger.notice("group \(id) is started again: \(detail)")
      try await begin(restart: experiment.restarts + 1, detail: detail)
    } else {
      try await end(.failed, detail: detail)
    }
  }

  /// Its network goes first: who looks for what is left looks at experiments that have not ended.
  private func end(_ state: ExperimentState, detail: String? = nil) async throws {
    try await removeNetwork()
    try await database.end(id, as: state, detail: detail)
  }

  // MARK: Starting

  /// Writes down which jobs are to come.
  private func begin(restart: Int, detail: String?) async throws {
    let replicas = GroupMember.all(of: group, subnet: nil).map { member in
      Replica(
        experiment: id, restart: restart, rank: member.rank, role: member.role, index: member.index,
        job: Names.newIdentifier())
    }
    try await database.add(replicas, restart: restart, of: id, detail: detail)
  }

  private var network: String { Self.network(of: id) }

  static func network(of experiment: String) -> String { "cairn-\(experiment)" }

  private func start(_ replicas: [Replica], of experiment: Experiment) async throws {
    try checkProcessors()
    var subnet: String?
    if podman.host.network == .bridge {
      subnet = try await podman.provide(network: network, label: label)
      if let subnet, subnet != experiment.subnet { try await database.setSubnet(subnet, of: id) }
    }
    let members = GroupMember.all(of: group, subnet: subnet)
    let files = GroupFiles(directory: directory.path + "/group")
    try files.write(members)
    let environment = GroupEnvironment(
      group: group, members: members, startName: "\(id)-\(experiment.restarts)", interface: subnet == nil ? nil : "eth0"
    )
    var hosts: [String: String] = [:]
    for member in members {
      hosts[member.name] = member.address
      hosts["rank-\(member.rank)"] = member.address
    }
    let roles = group.roles.flatMap { role in Array(repeating: role, count: role.count) }
    let requests = zip(members, roles).map { member, role in
      var request = JobRequest(
        experiment, name: member.name, role.job, command: role.command.isEmpty ? [GroupFiles.waiter] : role.command)
      // The group is started again as a whole.
      request.retries = 0
      request.environment.merge(environment.variables(of: member)) { given, _ in given }
      request.directories = files.directories
      request.experiment?.network = subnet.map { _ in
        .init(name: network, address: member.address, hostName: member.name, hosts: hosts)
      }
      request.group = JobGroup(id: "\(id)-\(experiment.restarts)", members: members.count)
      return request
    }
    _ = try await jobs.submit(requests, ids: replicas.map(\.job))
  }

  /// Refuses a group that would wait for ever: all of it starts at once, and a job that does not say how many processors
  /// it needs counts for one.
  private func checkProcessors() throws {
    let needed = group.roles.reduce(0) { $0 + Double($1.count) * ($1.job.cpus ?? 1) }
    let present = max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1)
    guard needed <= Double(present) else {
      throw ControlError(
        .invalid, subject: id,
        "its \(group.count) replicas need \(needed) processors at once and this host has \(present); a replica counts for "
          + "one unless the file says otherwise, such as by `cpus: 0.5`")
    }
  }

  /// nil: there is none of this identifier.
  private func job(_ id: String) async throws -> Job? {
    do {
      return try await control.job(id)
    } catch let error as ControlError where error.code == .notFound {
      return nil
    }
  }

  /// The last containers go a moment after their jobs have ended.
  private func removeNetwork() async throws {
    guard podman.host.network == .bridge else { return }
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      do {
        return try await podman.remove(network: network, label: label)
      } catch let error as ContainerError {
        if ContinuousClock.now > deadline {
          logger.warning("network \(network) stays: \(error)")
          return
        }
        try await Task.sleep(for: .milliseconds(500))
      }
    }
  }
}
