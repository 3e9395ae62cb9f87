import FoundationEssentials
import Glibc
import Subprocess

/// Finds out what this host offers to containers, by starting some.
struct HostProbe {
  let directory: String
  let limits: HostLimits

  /// What a report depends on; while it stays the same, so does the report.
  private struct Key: Hashable, Codable {
    var bootID: String
    var podmanVersion: String
    var limits: HostLimits
    var searchPath: String
    /// Controllers of version 2 where there is version 1 too: they come and go, and crun goes with them.
    var hybridControllers: String?
  }

  private struct Cached: Codable {
    var key: Key
    var report: HostReport
  }

  func report() async throws -> HostReport {
    try makeDirectories(directory)
    guard let version = try await podmanVersion() else { return Self.withoutPodman }
    let key = Key(
      bootID: bootID(), podmanVersion: version, limits: limits,
      searchPath: getenv("PATH").map { String(cString: $0) } ?? "",
      hybridControllers: readFile("/sys/fs/cgroup/unified/cgroup.controllers"))
    let path = directory + "/host-report.json"
    // A file that can't be read or understood is the same as none: it is made again.
    if let text = readFile(path), let cached = try? JSONDecoder().decode(Cached.self, from: Data(text.utf8)),
      cached.key == key, cached.report.canRunContainers
    {
      return cached.report
    }
    let report = try await probe(version: version)
    let data = try JSONEncoder().encode(Cached(key: key, report: report))
    try writeFile(path, String(decoding: data, as: UTF8.self))
    return report
  }

  /// What a container is tried with.
  private struct Trial {
    var runtime: String
    var network: HostReport.Network = .bridge
    var memory = true
    var cpus = true
    var pids = true
    var hasInit = true
  }

  private func probe(version: String) async throws -> HostReport {
    let manager = try await podman(["info", "--format", "{{.Host.CgroupManager}}"]).output.trimmed
    var report = HostReport(
      podmanVersion: version, runtime: nil, cgroupMode: cgroupMode(), cgroupManager: manager,
      limitsMemory: false, limitsCPUs: false, limitsPIDs: false, network: .host, hasInit: false, findings: [])
    report.findings.append(.init(.good, "podman", "podman \(version)"))
    if geteuid() != 0 {
      report.findings.append(.init(.failure, "root", "the daemon does not run as root", remedy: "sudo cairn system up"))
    }

    var refusals: [String] = []
    for runtime in runtimes(for: report.cgroupMode) where await exists(runtime) {
      if try await attempt(Trial(runtime: runtime)) == nil {
        (report.limitsMemory, report.limitsCPUs, report.limitsPIDs) = (true, true, true)
        (report.network, report.hasInit, report.runtime) = (.bridge, true, runtime)
        break
      }
      let bare = Trial(
        runtime: runtime, network: .host, memory: false, cpus: false, pids: false, hasInit: false)
      if let refusal = try await attempt(bare) {
        refusals.append("\(runtime): \(refusal)")
        continue
      }
      report.runtime = runtime
      func works(_ change: (inout Trial) -> Void) async throws -> Bool {
        var trial = bare
        change(&trial)
        return try await attempt(trial) == nil
      }
      report.limitsMemory = try await works { $0.memory = true }
      report.limitsCPUs = try await works { $0.cpus = true }
      report.limitsPIDs = try await works { $0.pids = true }
      report.hasInit = try await works { $0.hasInit = true }
      report.network = try await works { $0.network = .bridge } ? .bridge : .host
      break
    }
    report.findings += findings(of: report, refusals: refusals)
    return report
  }

  /// Runs a container whose root is empty but for the host's programs; nil: it ran as it should,
  /// and the limits hold. Otherwise what was wrong.
  private func attempt(_ trial: Trial) async throws -> String? {
    let root = directory + "/probe"
    try makeDirectories(root)
    var arguments = ["--runtime", trial.runtime, "run", "--rm", "--network", trial.network.rawValue] + limits.arguments
    var script = "true"
    // The limits as the container itself sees them, with cgroups of version 2 or 1.
    func expect(_ value: String, in files: String...) {
      script +=
        " && test \"$(cat \(files.map { "/sys/fs/cgroup/" + $0 }.joined(separator: " ")) 2>/dev/null)\" = '\(value)'"
    }
    if trial.memory {
      arguments += ["--memory", "67108864b"]
      expect("67108864", in: "memory.max", "memory/memory.limit_in_bytes")
    }
    if trial.cpus {
      arguments += ["--cpus", "0.5"]
      script +=
        " && test \"$(cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null | cut -d ' ' -f 1)\" = 50000"
    }
    if trial.pids {
      arguments += ["--pids-limit", "64"]
      expect("64", in: "pids.max", "pids/pids.max")
    }
    if trial.hasInit { arguments.append("--init") }
    for path in ["/bin", "/lib", "/lib64", "/usr"] where access(path, F_OK) == 0 {
      arguments += ["--mount", "type=bind,source=\(path),destination=\(path),ro=true"]
    }
    arguments += ["--rootfs", root, "/bin/sh", "-c", script]
    let result = try await podman(arguments)
    if result.status == 0 { return nil }
    return result.status == 1 ? "a limit was accepted but does not hold" : result.complaint
  }

  private func findings(of report: HostReport, refusals: [String]) -> [HostReport.Finding] {
    guard let runtime = report.runtime else {
      let tried = refusals.isEmpty ? "neither crun nor runc is installed" : refusals.joined(separator: "; ")
      return [
        .init(
          .failure, "runtime", "no OCI runtime can start a container: \(tried)", remedy: "apt-get install crun runc")
      ]
    }
    var findings: [HostReport.Finding] = [
      .init(
        .good, "runtime",
        "\(runtime) starts containers" + (refusals.isEmpty ? "" : "; not so \(refusals.joined(separator: "; "))")),
      .init(
        report.cgroupMode == .absent ? .warning : .good, "cgroups",
        "\(report.cgroupMode.rawValue), managed by \(report.cgroupManager)"),
    ]
    let missing = [
      report.limitsMemory ? nil : "memory", report.limitsCPUs ? nil : "processors",
      report.limitsPIDs ? nil : "the number of processes",
    ].compactMap { $0 }
    if missing.isEmpty {
      findings.append(.init(.good, "limits", "memory, processors and the number of processes are limited"))
    } else {
      findings.append(
        .init(
          .warning, "limits", "jobs run without limits on \(missing.joined(separator: ", "))",
          remedy: "boot with systemd.unified_cgroup_hierarchy=1"))
    }
    switch report.network {
    case .bridge: findings.append(.init(.good, "network", "each job has a network of its own"))
    case .host:
      findings.append(
        .init(
          .warning, "network", "no bridge can be made: jobs use the host's network",
          remedy: "apt-get install netavark aardvark-dns iptables"))
    }
    if report.hasInit {
      findings.append(.init(.good, "init", "jobs have an init process"))
    } else {
      findings.append(
        .init(
          .warning, "init", "no init process: a job's command may miss SIGTERM and leave zombies",
          remedy: "apt-get install catatonit"))
    }
    if limits.openFiles < 65536 {
      findings.append(
        .init(
          .warning, "open files", "a job may open \(limits.openFiles) files at most",
          remedy: "set LimitNOFILE=1048576 in the daemon's unit"))
    }
    return findings
  }

  private func podman(_ arguments: [String]) async throws -> Command.Result {
    do {
      return try await Command.run(["podman"] + arguments, timeLimit: .seconds(60))
    } catch is Command.TimeLimitExceeded {
      throw ContainerError.timedOut(tried: arguments.joined(separator: " "), seconds: 60)
    }
  }

  /// nil: there is no podman.
  /// - Throws: ``ContainerError`` where there is one that does not even say its version: whoever started the daemon tries
  ///   again, where a daemon without containers would refuse jobs for as long as it runs.
  private func podmanVersion() async throws -> String? {
    guard await exists("podman") else { return nil }
    var complaint = "it did not answer"
    for _ in 0..<5 {
      guard let result = try? await Command.run(["podman", "--version"], timeLimit: .seconds(30)) else { continue }
      if result.status == 0 { return result.output.split(whereSeparator: \.isWhitespace).last.map(String.init) }
      complaint = result.complaint
    }
    throw ContainerError.refused(tried: "say its version", cause: complaint)
  }

  /// The better first. crun starts faster, but refuses wherever version 2 of a hybrid has a controller,
  /// which may come at any time.
  private func runtimes(for mode: HostReport.CgroupMode) -> [String] {
    mode == .unified ? ["crun", "runc"] : ["runc", "crun"]
  }

  private func exists(_ program: String) async -> Bool {
    (try? await Executable.name(program).resolveExecutablePath(in: .inherit)) != nil
  }

  private func cgroupMode() -> HostReport.CgroupMode {
    if access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 { return .unified }
    return access("/sys/fs/cgroup/memory", F_OK) == 0 ? .hybrid : .absent
  }

  private static let withoutPodman = HostReport(
    podmanVersion: nil, runtime: nil, cgroupMode: .absent, cgroupManager: "", limitsMemory: false, limitsCPUs: false,
    limitsPIDs: false, network: .host, hasInit: false,
    findings: [.init(.failure, "podman", "podman is missing: no job can run", remedy: "apt-get install podman")])
}

/// Names the time since the host was started last.
public func bootID() -> String {
  readFile("/proc/sys/kernel/random/boot_id")?.trimmed ?? "unknown"
}
