import ControlDatabase
import GPUs
import Glibc
import JobStates
import Scheduler

/// What a host has for jobs, as far as numbers tell it.
struct Resources: Hashable, Sendable {
  /// Those that can be had whole.
  var gpus: Int
  var cpus: Double
  var memoryBytes: UInt64
  /// Whether there are GPUs of which jobs can have a part.
  var hasShards = false
  /// The profiles of the MIG instances that there are.
  var profiles: Set<String> = []

  init(gpus: Int, cpus: Double, memoryBytes: UInt64) {
    self.gpus = gpus
    self.cpus = cpus
    self.memoryBytes = memoryBytes
  }

  /// What this host has.
  init(of host: Scheduler.Host) {
    gpus = host.gpus.count { $0.instances.isEmpty }
    cpus = Double(host.milliCPUs) / 1000
    memoryBytes = UInt64(host.memoryBytes)
    hasShards = gpus > 0
    profiles = Set(host.gpus.flatMap(\.instances).map(\.profile))
  }
}

extension Scheduler.Host {
  /// This host, with these GPUs.
  init(_ inventory: GPUInventory, _ conditions: GPUConditions = GPUConditions()) {
    self.init(
      gpus: inventory.gpus.map { gpu in
        HostGPU(
          uuid: gpu.uuid, instances: gpu.instances.map { MIGInstance(uuid: $0.uuid, profile: $0.profile) },
          isBusyExternally: conditions.busy.contains(gpu.uuid), isFaulty: conditions.faults[gpu.uuid] != nil)
      }, closeness: inventory.closeness, milliCPUs: max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1) * 1000,
      memoryBytes: max(sysconf(Int32(_SC_PHYS_PAGES)), 0) * sysconf(Int32(_SC_PAGESIZE)))
  }
}

/// Refuses what could never run on a host with these resources, however long it waited.
func check(_ request: JobRequest, host: Resources) throws {
  func refuse(_ message: String) throws {
    throw ControlError(.invalid, subject: request.name ?? request.image, message)
  }

  if request.command.first?.isEmpty ?? true { try refuse("the job has no command; give one after --") }
  if request.image.isEmpty || request.image.hasPrefix("-") || request.image.utf8.contains(0) {
    try refuse("\"\(request.image)\" can't be an image's name; use one that podman knows, or \(JobRequest.hostImage)")
  }
  for (key, value) in request.environment where !isEnvironmentName(key) || value.utf8.contains(0) {
    try refuse("\"\(key)\" can't be set in a job's environment: use letters, digits and underscores")
  }
  if request.command.contains(where: { $0.utf8.contains(0) }) { try refuse("the command has a null byte in it") }
  if let user = request.user, user.isEmpty || user.hasPrefix("-") { try refuse("\"\(user)\" can't be a user") }
  if let dockerfile = request.dockerfile {
    let parts = dockerfile.split(separator: "/", omittingEmptySubsequences: false)
    if parts.contains(where: { $0.isEmpty || $0 == ".." }) || dockerfile.utf8.contains(0) {
      try refuse("\(dockerfile.debugDescription) is no path of a file in the workspace")
    }
    if request.image == JobRequest.hostImage { try refuse("a job that builds its image does not run on the host's") }
    if request.workspaceSnapshot == nil { try refuse("a job without a workspace has nothing to build its image from") }
  }
  try check(request.secrets ?? [])
  if let policy = request.retryPolicy,
    !policy.on.isSubset(of: RetryPolicy.possible) || !(0...RetryPolicy.longestDelay).contains(policy.delaySeconds)
  {
    let possible = RetryPolicy.possible.map(\.rawValue).sorted().joined(separator: ", ")
    try refuse("attempts are repeated on \(possible), after 0 to \(RetryPolicy.longestDelay) seconds")
  }
  if request.dependsOn?.count ?? 0 > 1000 { try refuse("a job waits for 1000 others at most") }
  try check(request.ports ?? [])
  if request.gpus < 0 || request.retries < 0 { try refuse("a number of GPUs or retries is 0 or more") }
  if let seconds = request.timeoutSeconds, seconds <= 0 { try refuse("a time-out is one second or more") }
  if let cpus = request.cpus, !(cpus >= 0.01) { try refuse("--cpus is 0.01 or more") }
  if let memory = request.memoryBytes, memory < 8 << 20 { try refuse("--memory is 8m or more") }

  try checkParts(of: request, host: host, refuse)
  if request.gpus > host.gpus {
    try refuse(
      host.gpus == 0
        ? "the job asks for \(request.gpus) GPUs and this host has none; leave --gpus out, or see cairn gpu ls"
        : "the job asks for \(request.gpus) GPUs and this host has \(host.gpus); see cairn gpu ls")
  }
  if let cpus = request.cpus, cpus > host.cpus {
    try refuse("the job asks for \(cpus) processors and this host has \(Int(host.cpus))")
  }
  if let memory = request.memoryBytes, memory > host.memoryBytes {
    try refuse("the job asks for \(memory >> 20) MiB of memory and this host has \(host.memoryBytes >> 20) MiB")
  }
}

private func checkParts(of request: JobRequest, host: Resources, _ refuse: (String) throws -> Void) throws {
  let kinds = [request.gpus > 0, request.gpuShare != nil, request.gpuMIG != nil].count { $0 }
  if kinds > 1 { try refuse("a job has whole GPUs, shards of one, or a MIG instance, and not several of these") }
  if let share = request.gpuShare, !host.hasShards {
    try refuse("the job asks for \(share) of a GPU and this host has none to divide; see cairn gpu ls")
  }
  if let profile = request.gpuMIG, !host.profiles.contains(profile) {
    let known = host.profiles.sorted().joined(separator: ", ")
    try refuse(
      "the job asks for a MIG instance \(profile) and this host has "
        + (known.isEmpty ? "none; see cairn gpu ls" : "only \(known); see cairn gpu ls"))
  }
}

/// Refuses groups that are not whole, or that could never run at once on a host with these resources.
func check(groupsOf requests: [JobRequest], host: Resources) throws {
  for (id, members) in Dictionary(grouping: requests.filter { $0.group != nil }, by: { $0.group?.id ?? "" }) {
    func refuse(_ message: String) throws { throw ControlError(.invalid, subject: id, "group \(id): \(message)") }

    if !Names.isValid(id) { try refuse("that can't be a group's identifier") }
    if let size = members.first(where: { $0.group?.members != members.count })?.group?.members {
      try refuse("\(members.count) of its \(size) jobs were submitted; submit all of them at once")
    }
    let gpus = members.reduce(0) { $0 + $1.gpus }
    if gpus > host.gpus { try refuse("its jobs ask for \(gpus) GPUs together and this host has \(host.gpus)") }
    let cpus = members.reduce(0) { $0 + ($1.cpus ?? 0) }
    if cpus > host.cpus {
      try refuse("its jobs ask for \(cpus) processors together and this host has \(Int(host.cpus))")
    }
    let memory = members.reduce(0.0) { $0 + Double($1.memoryBytes ?? 0) }
    if memory > Double(host.memoryBytes) {
      try refuse("its jobs ask for \(Int(memory) >> 20) MiB of memory together; there are \(host.memoryBytes >> 20)")
    }
  }
}

func isEnvironmentName(_ name: String) -> Bool {
  guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
  return name.utf8.allSatisfy { byte in
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
  }
}
