import Containers
import ControlDatabase
import FoundationEssentials
import Glibc
import JobStates
import Jobs
import Synchronization
import Testing

/// The control plane, podman, the monitor or the container ends at every step: no job is lost, run twice or stuck.
@Suite(.serialized)
struct ReattachTests {
  /// Tells each time that it runs, and waits for long enough that the runner's steps lie before its end.
  private static let script = "echo begun; echo x >> /artifacts/runs; sleep 0.5; echo done; echo late >&2; exit 3"

  /// Carries all of these out, some at a time: most of each is waiting.
  private func forEach<Case: Sendable>(
    _ cases: some Sequence<Case>, _ body: @escaping @Sendable (Case) async throws -> Void
  ) async {
    await withTaskGroup(of: Void.self) { group in
      for (number, one) in cases.enumerated() {
        if number >= 4 { await group.next() }
        group.addTask {
          do { try await body(one) } catch { Issue.record("\(one): \(error)") }
        }
      }
    }
  }

  /// Submits a job to a control plane that ends after this step of it.
  /// - Returns: its directory, from which another can go on.
  @discardableResult
  private func begin(
    _ script: String, until step: JobStep, bootID: String = Containers.bootID(),
    _ body: (Workbench, Job) async throws -> Void = { _, _ in }
  ) async throws -> (directory: String, job: Job) {
    let (stops, stop) = AsyncStream.makeStream(of: Void.self)
    let bench = try await Workbench(bootID: bootID) { reached in
      guard reached == step else { return }
      stop.yield()
      // Until the daemon's end.
      try await Task.sleep(for: .seconds(3600))
    }
    // Failures name it.
    let job = try await bench.submit(script) { $0.name = step.rawValue }
    for await _ in stops { break }
    await bench.leave()
    try await body(bench, job)
    return (bench.directory, job)
  }

  @Test func `a control plane that ends after any step is followed by one that goes on`() async {
    await forEach(JobStep.allCases) { step in
      let (directory, job) = try await begin(Self.script, until: step)
      try await withWorkbench(at: directory) { second in try await second.expectOneRun(of: job) }
    }
  }

  @Test func `a host that restarts after any step leaves jobs that run once or are lost`() async {
    await forEach(JobStep.allCases) { step in
      // What had begun runs no further than the restart: a job that goes on for long has not come to the later steps.
      let reachable = [.containerEnded, .runsClosed, .artifactsSealed, .recorded, .cleaned].contains(step)
      let (directory, job) = try await begin(
        "echo x >> /artifacts/runs; sleep 1000", until: reachable ? .running : step, bootID: "the first"
      ) { first, job in try await first.crash(job) }
      try await withWorkbench(at: directory, bootID: "the second") { second in
        if [.begun, .volumesMade, .rootMade, .secretsMade].contains(step) {
          try await second.waitUntilRunning(job)
          _ = try await second.jobs.stop(job.id, grace: 0)
          #expect(try await second.jobs.wait(for: job.id).state == .stopped)
        } else {
          let end = try await second.jobs.wait(for: job.id)
          #expect(end.state == .lost && end.reason == .hostRestarted, "\(end)")
        }
        #expect(try second.runs(of: job) <= 1)
        try await second.expectNothingLeft(of: job)
      }
    }
  }

  /// A job that writes nothing once it is watched by nobody, which would end it.
  private static let silentScript = "echo x >> /artifacts/runs; sleep 2; exit 3"

  /// From the last step before there is a container to the first after it has ended.
  private static let containerSteps: [JobStep] = [.secretsMade, .containerStarted, .running, .containerEnded]

  @Test(arguments: ["conmon", "init"])
  func `a monitor or first process that is killed after any step leaves its job neither stuck nor run twice`(
    victim: String
  ) async {
    await forEach(Self.containerSteps) { step in
      let killed = Mutex(false)
      let bench = Mutex<Workbench?>(nil)
      let one = try await Workbench { reached in
        guard reached == step, let bench = bench.withLock({ $0 }), let job = try await bench.jobs.list().first else {
          return
        }
        let isKilled = try await bench.end(victim, of: job)
        killed.withLock { $0 = isKilled }
      }
      bench.withLock { $0 = one }
      let job = try await one.submit(Self.silentScript) { $0.name = step.rawValue }
      let end = try await one.jobs.wait(for: job.id)
      if victim == "init", killed.withLock({ $0 }) {
        #expect(end.state == .failed && end.exitCode == 137 && end.reason == .signal, "\(end)")
      } else {
        #expect(end.state == .failed && end.exitCode == 3 && end.attempt == 1, "\(end)")
      }
      #expect(try one.runs(of: job) <= 1)
      // While its container runs there is something to kill.
      #expect(killed.withLock { $0 } == [.containerStarted, .running].contains(step), "\(step)")
      try await one.expectNothingLeft(of: job)
      bench.withLock { $0 = nil }
      try await one.close()
    }
  }

  @Test(arguments: ["conmon", "init"])
  func `a monitor or first process that is killed after any step, and the control plane with it, makes no job stuck`(
    victim: String
  ) async {
    await forEach(Self.containerSteps) { step in
      let (directory, job) = try await begin(Self.silentScript, until: step) { first, job in
        _ = try await first.end(victim, of: job)
      }
      try await withWorkbench(at: directory) { second in
        let end = try await second.jobs.wait(for: job.id)
        switch (end.state, end.exitCode) {
        case (.failed, 3): break
        // The first process of a container that was running, or one of which nobody can say how it ended.
        case (.failed, 137): #expect(victim == "init", "\(end)")
        case (.lost, nil): #expect(victim == "conmon" && [.containerStarted, .running].contains(step), "\(end)")
        default: Issue.record("\(victim) after \(step): \(end)")
        }
        #expect(end.attempt == 1)
        #expect(try second.runs(of: job) <= 1)
        try await second.expectNothingLeft(of: job)
      }
    }
  }

  /// From before podman is called to after it has returned; each run finds other moments.
  private static func delay(_ moment: Int) -> Duration { .milliseconds(moment * 40 + Int.random(in: 0..<40)) }

  private func waitUntilItStarts(_ job: Job, _ bench: Workbench) async throws {
    for await _ in bench.database.watchChanges() {
      if try await bench.database.job(job.id).state != .queued { break }
    }
  }

  @Test func `podman is killed in the middle of starting a job, which runs once all the same`() async {
    await forEach(0..<12) { moment in
      try await withWorkbench { bench in
        let job = try await bench.submit(Self.script) { $0.name = "moment-\(moment)" }
        try await waitUntilItStarts(job, bench)
        try await Task.sleep(for: Self.delay(moment))
        killAll("podman", with: "cairn-\(job.id)-1")
        try await bench.expectOneRun(of: job)
      }
    }
  }

  @Test func `the monitor is killed in the middle of starting a job, which is neither stuck nor run twice`() async {
    await forEach(3..<11) { moment in
      try await withWorkbench { bench in
        let job = try await bench.submit(Self.silentScript) { $0.name = "moment-\(moment)" }
        try await waitUntilItStarts(job, bench)
        try await Task.sleep(for: Self.delay(moment))
        killAll("conmon", with: "cairn-\(job.id)-1")
        let end = try await bench.jobs.wait(for: job.id)
        switch (end.state, end.exitCode) {
        // podman tells that it could not start the container, or nobody knows whether its command has begun.
        case (.failed, 3), (.failed, nil), (.lost, nil): break
        default: Issue.record("\(end)")
        }
        #expect(end.attempt == 1)
        #expect(try bench.runs(of: job) <= 1)
        try await bench.expectNothingLeft(of: job)
      }
    }
  }

  @Test func `podman is killed again and again, whatever it does, and jobs run once all the same`() async throws {
    try await withWorkbench { bench in
      var submitted: [Job] = []
      for _ in 0..<4 { submitted.append(try await bench.submit(Self.script)) }
      let jobs = submitted
      let killer = Task {
        while !Task.isCancelled {
          try await Task.sleep(for: .milliseconds(Int.random(in: 100..<1500)))
          for job in jobs { killAll("podman", with: "cairn-\(job.id)-1") }
        }
      }
      try await Task.sleep(for: .seconds(6))
      killer.cancel()
      _ = await killer.result
      for job in jobs { try await bench.expectOneRun(of: job) }
    }
  }

  @Test func `a start that podman had not noted when it was killed is found out, with its exit code`() async throws {
    // Long enough for the next control plane to be there before its end.
    let script = Self.script.replacing("sleep 0.5", with: "sleep 4")
    try await withUnnotedStart(of: script) { bench, job in
      try await bench.expectOneRun(of: job)
    }
  }

  @Test func `a job whose start podman had not noted can be stopped`() async throws {
    try await withUnnotedStart(of: "trap 'exit 9' TERM; echo begun; while :; do sleep 0.05; done") { bench, job in
      try await bench.waitUntilRunning(job)
      // Until it is waited for: an exit code that nobody waits for is lost with podman's note.
      try await Task.sleep(for: .seconds(1))
      _ = try await bench.jobs.stop(job.id, grace: 20)
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.state == .stopped && end.exitCode == 9, "\(end)")
      try await bench.expectNothingLeft(of: job)
    }
  }

  @Test func `a job whose first process is killed has failed by that signal`() async throws {
    try await withWorkbench { bench in
      let job = try await bench.submit("echo begun; exec sleep 1000")
      let process = try await bench.waitUntilItsProcessIsNoted(job)
      let status = try #require(try await bench.podman.status(of: "cairn-\(job.id)-1"))
      #expect(process.pid == status.pid)
      Glibc.kill(status.pid, SIGKILL)
      let end = try await bench.jobs.wait(for: job.id)
      #expect(end.state == .failed && end.reason == .signal && end.exitCode == 137, "\(end)")
      try await bench.expectNothingLeft(of: job)
    }
  }

  @Test func `a monitor that dies while there is no control plane makes a job lost, not stuck`() async throws {
    let job: Job
    let directory: String
    do {
      let first = try await Workbench()
      directory = first.directory
      job = try await first.submit("echo begun; exec sleep 1000") { $0.retries = 1 }
      try await first.waitUntilRunning(job)
      await first.leave()
      // The kernel tells the exit code of a process that nobody has waited for.
      try await first.crash(job, untilBuried: true)
    }
    try await withWorkbench(at: directory) { second in
      for await _ in second.database.watchChanges() {
        if try await second.database.job(job.id).attempt == 2 { break }
      }
      let attempt = try await second.database.attempt(1, of: job.id)
      #expect(attempt.state == .lost && attempt.exitCode == nil, "\(attempt)")
    }
  }

  @Test func `a container that no record tells of is ended gently, and its log stays`() async throws {
    let job: Job
    let directory: String
    do {
      let first = try await Workbench()
      directory = first.directory
      job = try await first.submit("trap 'echo saved; exit 0' TERM; echo begun; while :; do sleep 0.05; done")
      try await first.waitUntilRunning(job)
      for try await line in first.jobs.logs(of: job.id, follow: true) where line.text == "begun" { break }
      await first.leave()
      // As if the database came from a copy of the day before.
      _ = try await shell("rm -f \(directory)/control/control.db*")
    }
    try await withWorkbench(at: directory) { second in
      while try await second.podman.status(of: "cairn-\(job.id)-1") != nil {
        try await Task.sleep(for: .milliseconds(50))
      }
      let log = try String(contentsOfFile: "\(directory)/control/logs/\(job.id)/1.log", encoding: .utf8)
      #expect(log.contains("begun") && log.contains("saved"))
      try await second.expectNothingLeft(of: job)
    }
  }
}

extension Workbench {
  /// How often the job's command has begun.
  func runs(of job: Job) throws -> Int {
    let file = "\(storage.mount)/artifacts/tests/\(job.id)/runs"
    guard FileManager.default.fileExists(atPath: file) else { return 0 }
    return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").count
  }

  func expectOneRun(of job: Job) async throws {
    let end = try await jobs.wait(for: job.id)
    #expect(end.state == .failed && end.exitCode == 3 && end.attempt == 1, "\(end)")
    #expect(try runs(of: job) == 1)
    #expect(try await Set(log(of: job)) == ["begun", "done", "late"])
    #expect(storage.isSealed(end))
    try await expectNothingLeft(of: job)
  }

  func expectNothingLeft(of job: Job) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    // The end is written before what is left is cleared away.
    while try await !leftovers(of: job).isEmpty, .now < deadline { try await Task.sleep(for: .milliseconds(50)) }
    #expect(try await leftovers(of: job) == [])
  }

  private func leftovers(of job: Job) async throws -> [String] {
    try await shell(
      """
      podman ps --all --format '{{.Names}}' | grep cairn-\(job.id) || true
      pgrep --exact --list-name --full '[^ ]*conmon .*cairn-\(job.id).*' || true
      grep -o '[^ ]*cairn-\(job.id)[^ ]*' /proc/self/mountinfo || true
      ls -d \(directory)/control/*.env \(directory)/control/overlays/*\(job.id)* \
        \(directory)/control/secrets/*\(job.id)* 2>/dev/null || true
      """)
  }

  /// Ends the monitor or the first process of a job's container, if there is one and it runs.
  func end(_ victim: String, of job: Job) async throws -> Bool {
    let container = "cairn-\(job.id)-1"
    if victim == "conmon" { return killAll("conmon", with: container) > 0 }
    guard let status = try await podman.status(of: container), status.phase == .running, status.pid > 0 else {
      return false
    }
    return Glibc.kill(status.pid, SIGKILL) == 0
  }

  /// Ends a job's processes as a power cut would: nobody is told.
  /// - Parameter untilBuried: until the host's first process has waited for them, which may take it seconds.
  func crash(_ job: Job, untilBuried: Bool = false) async throws {
    let container = "cairn-\(job.id)-1"
    let status = try await podman.status(of: container)
    killAll("conmon", with: container)
    if let pid = status?.pid, pid > 0 { Glibc.kill(pid, SIGKILL) }
    _ = try await shell("umount \(directory)/control/overlays/\(container)/root 2>/dev/null || true")
    while let pid = status?.pid, untilBuried ? Glibc.kill(pid, 0) == 0 : HostProcess(pid: pid) != nil {
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}

/// Ends all processes of this program that have this word on their command line, and tells how many they were.
@discardableResult
private func killAll(_ program: String, with word: String) -> Int {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
  return names.compactMap { Int32($0) }.count { pid in
    let text = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
    let words = text.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    guard words.first?.split(separator: "/").last == program[...], words.contains(word) else { return false }
    return Glibc.kill(pid, SIGKILL) == 0
  }
}

/// Runs `body` with a job whose container was started by a podman that ended before it had noted so: what the runtime
/// has started podman takes for merely prepared.
private func withUnnotedStart(of script: String, _ body: (Workbench, Job) async throws -> Void) async throws {
  let job: Job
  let directory: String
  do {
    let (stops, stop) = AsyncStream.makeStream(of: Void.self)
    let first = try await Workbench { reached in
      guard reached == .secretsMade else { return }
      stop.yield()
      try await Task.sleep(for: .seconds(3600))
    }
    directory = first.directory
    job = try await first.submit(script)
    for await _ in stops { break }
    await first.leave()
    let container = "cairn-\(job.id)-1"
    let runtime = try #require(first.podman.host.runtime)
    _ = try await shell(
      """
      mkdir -p \(directory)/control/logs/\(job.id)
      podman --runtime \(runtime) create --name \(container) --label io.cairn.instance=\(directory)/control --init \
        --systemd false --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
        --log-driver k8s-file --log-opt path=\(directory)/control/logs/\(job.id)/1.log \
        --volume \(directory)/mount/artifacts/tests/\(job.id):/artifacts --entrypoint '' \
        --rootfs \(directory)/control/overlays/\(container)/root /bin/sh -c "\(script)"
      podman --runtime \(runtime) init \(container)
      \(runtime) start $(podman inspect --format '{{.Id}}' \(container))
      """)
    #expect(try await first.podman.status(of: container)?.phase == .created)
  }
  try await withWorkbench(at: directory) { try await body($0, job) }
}
