import JobStates
import Testing

@testable import Scheduler

private let minute: Int64 = 60_000_000_000

private func host(gpus: Int = 0, cpus: Int = 64, memory: Int = 1000) -> Host {
  Host(gpus: (0..<gpus).map { HostGPU(uuid: "GPU-\($0)") }, milliCPUs: cpus * 1000, memoryBytes: memory)
}

private func waiting(
  _ id: String, gpus: Int = 0, cpus: Int? = nil, memory: Int = 0, project: String = "p",
  priority: JobPriority = .normal, minutes: Int64? = nil, sequence: Int64 = 0
) -> WaitingJob {
  WaitingJob(
    id: id, project: project, priority: priority, sequence: sequence,
    need: ResourceNeed(
      gpus: gpus == 0 ? .none : .whole(gpus), milliCPUs: cpus.map { $0 * 1000 }, memoryBytes: memory),
    timeLimit: minutes.map { $0 * minute })
}

private func running(
  _ id: String, gpus: [Int] = [], priority: JobPriority = .normal, project: String = "p", startedAt: Int64 = 0,
  endsAfter minutes: Int64? = nil, isStopping: Bool = false, group: String? = nil
) -> RunningJob {
  RunningJob(
    id: id, project: project, priority: priority,
    need: ResourceNeed(gpus: gpus.isEmpty ? .none : .whole(gpus.count)),
    slots: gpus.map { DeviceSlot(device: "GPU-\($0)") }, startedAt: startedAt, endsBy: minutes.map { $0 * minute },
    isStopping: isStopping, group: group)
}

private func decide(
  _ host: Host, running: [RunningJob] = [], _ queue: [WaitingJob], projects: [String: ProjectAccount] = [:]
) -> SchedulerDecision {
  var queue = queue
  for index in queue.indices { queue[index].sequence = Int64(index) }
  return schedule(SchedulerInput(host: host, running: running, queue: queue, projects: projects, now: 0))
}

extension SchedulerDecision {
  fileprivate var started: [String] { starts.joined().map(\.job) }

  fileprivate func sentence(_ job: String) -> String? { waiting.first { $0.job == job }?.reason.sentence(now: 0) }

  fileprivate func code(_ job: String) -> WaitCode? { waiting.first { $0.job == job }?.reason.code }
}

struct BackfillTests {
  @Test func `jobs start in order as long as they fit`() {
    let decision = decide(host(cpus: 2), [waiting("a", cpus: 1), waiting("b", cpus: 1), waiting("c", cpus: 1)])
    #expect(decision.started == ["a", "b"])
    #expect(decision.sentence("c") == "waits for 1 processor; 0 free; job a must end, which has no time limit")
  }

  @Test func `a job without a time limit does not pass one that it would delay`() {
    let decision = decide(
      host(gpus: 2), running: [running("r", gpus: [0], endsAfter: 25)],
      [waiting("big", gpus: 2), waiting("b", gpus: 1)])
    #expect(decision.started == [])
    #expect(decision.sentence("big") == "waits for 2 GPUs; 1 free; enough may be free within 25 min (job r)")
    #expect(
      decision.sentence("b")
        == "behind job big, whose turn is within 25 min: with a time limit that ends before, it could start now")
  }

  @Test func `a job that ends in time passes one that waits`() {
    let busy = running("r", gpus: [0], endsAfter: 25)
    let short = decide(host(gpus: 2), running: [busy], [waiting("big", gpus: 2), waiting("b", gpus: 1, minutes: 25)])
    #expect(short.started == ["b"])
    let long = decide(host(gpus: 2), running: [busy], [waiting("big", gpus: 2), waiting("b", gpus: 1, minutes: 26)])
    #expect(long.started == [])
  }

  @Test func `a job passes one that waits if it leaves enough for it`() {
    let decision = decide(
      host(gpus: 4), running: [running("r", gpus: [0, 1], endsAfter: 5)],
      [waiting("big", gpus: 3), waiting("b", gpus: 1), waiting("c", gpus: 1)])
    #expect(decision.started == ["b"])
    #expect(decision.code("c") == .reserved)
  }

  @Test func `a job that wants no GPU passes one that waits for GPUs`() {
    let decision = decide(
      host(gpus: 1), running: [running("r", gpus: [0])], [waiting("a", gpus: 1), waiting("b"), waiting("c", gpus: 1)])
    #expect(decision.started == ["b"])
    #expect(decision.sentence("a") == "waits for 1 GPU; 0 free; job r must end, which has no time limit")
    #expect(decision.sentence("c") == "waits for 1 GPU; 0 free; 1 job before it")
  }

  @Test func `memory is kept too`() {
    let decision = decide(
      host(memory: 10), running: [running("r", endsAfter: 9)],
      [waiting("a", memory: 8), waiting("b", memory: 4), waiting("c")])
    #expect(decision.started == ["a", "c"])
  }

  @Test func `jobs that do not say how many processors they need run beside a job of all of them`() {
    #expect(decide(host(cpus: 2), [waiting("a"), waiting("b"), waiting("c")]).started == ["a", "b"])
    let group = (0..<4).map { index in
      var job = waiting("g\(index)")
      job.group = .init(id: "g", members: 4)
      return job
    }
    #expect(decide(host(cpus: 2), group).started == ["g0", "g1", "g2", "g3"])
  }

  @Test func `what the host could never hold blocks nobody`() {
    let decision = decide(host(gpus: 1), [waiting("a", gpus: 2), waiting("b", gpus: 1)])
    #expect(decision.started == ["b"])
    #expect(decision.sentence("a") == "waits for 2 GPUs; 1 free; this host has no more, whatever ends")
  }

  @Test func `a GPU that somebody else's program is on is not handed out`() {
    let busy = Host(
      gpus: [HostGPU(uuid: "GPU-0", isBusyExternally: true), HostGPU(uuid: "GPU-1")], milliCPUs: 8000, memoryBytes: 0)
    let decision = decide(busy, [waiting("a", gpus: 1), waiting("b", gpus: 1)])
    #expect(decision.starts.first?.first?.slots == [DeviceSlot(device: "GPU-1")])
    #expect(decision.code("b") == .gpusInUse)
    #expect(
      decision.sentence("b")
        == "waits for 1 GPU; 0 free; another program is on 1 GPU; job a must end, which has no time limit")
  }

  @Test func `a faulty GPU is handed out to nobody, also after its job, and blocks nobody`() {
    let host = Host(
      gpus: [HostGPU(uuid: "GPU-0", isFaulty: true), HostGPU(uuid: "GPU-1")], milliCPUs: 8000, memoryBytes: 0)
    let decision = decide(
      host, running: [running("r", gpus: [0], endsAfter: 1)], [waiting("a", gpus: 2), waiting("b", gpus: 1)])
    #expect(decision.started == ["b"])
    #expect(decision.starts.first?.first?.slots == [DeviceSlot(device: "GPU-1")])
    #expect(decision.code("a") == .gpusFaulty)
    #expect(decision.sentence("a") == "waits for 2 GPUs; 1 free; 1 GPU can't be used, see cairn gpu ls")
  }
}

struct PriorityTests {
  @Test func `interactive jobs go before normal ones, and these before preemptible ones`() {
    let decision = decide(
      host(cpus: 2),
      [
        waiting("p", cpus: 1, priority: .preemptible), waiting("n", cpus: 1),
        waiting("i", cpus: 1, priority: .interactive),
      ])
    #expect(decision.started == ["i", "n"])
  }

  @Test func `the project that used least goes first, and two alike take turns`() {
    let used = ["old": ProjectAccount(usage: Usage(gpuSeconds: 100_000))]
    let decision = decide(
      host(gpus: 3),
      (0..<3).map { waiting("old\($0)", gpus: 1, project: "old") }
        + (0..<2).map { waiting("a\($0)", gpus: 1, project: "a") }
        + (0..<2).map { waiting("b\($0)", gpus: 1, project: "b") }, projects: used)
    #expect(decision.started == ["a0", "b0", "a1"])
  }

  @Test func `usage halves in each half-life`() {
    let usage = Usage(gpuSeconds: 8, cpuSeconds: 4).decayed(seconds: 20, halfLife: 10)
    #expect(usage == Usage(gpuSeconds: 2, cpuSeconds: 1))
    // Held for ever, it comes to what is used in a half-life, divided by log 2.
    let held = Usage(holding: ResourceNeed(gpus: .whole(2), milliCPUs: 1000), seconds: 1e6, halfLife: 10)
    #expect(abs(held.gpuSeconds - 28.854) < 0.001 && abs(held.cpuSeconds - 14.427) < 0.001)
    // Charged at once or in pieces, it is the same.
    var pieces = Usage(holding: ResourceNeed(gpus: .whole(1)), seconds: 3, halfLife: 10).decayed(
      seconds: 4, halfLife: 10)
    pieces += Usage(holding: ResourceNeed(gpus: .whole(1)), seconds: 4, halfLife: 10)
    let whole = Usage(holding: ResourceNeed(gpus: .whole(1)), seconds: 7, halfLife: 10)
    #expect(abs(pieces.gpuSeconds - whole.gpuSeconds) < 1e-9)
  }

  @Test func `a project stays within its quota, and blocks nobody by it`() {
    let quota = [
      "p": ProjectAccount(quota: ProjectQuota(gpus: 1)), "q": ProjectAccount(quota: ProjectQuota(running: 1)),
    ]
    let decision = decide(
      host(gpus: 4),
      [
        waiting("a", gpus: 1), waiting("b", gpus: 1), waiting("c"), waiting("d", project: "q"),
        waiting("e", gpus: 1, project: "q"),
      ], projects: quota)
    #expect(decision.started == ["d", "c", "a"] || Set(decision.started) == ["a", "c", "d"])
    #expect(decision.sentence("b") == "its project may hold 1 GPUs, holds 1, and it needs 1")
    #expect(decision.sentence("e") == "its project may run 1 job at once, and runs 1")
  }
}

struct PreemptionTests {
  @Test func `a preemptible job makes room for one that goes before it, the youngest first`() {
    let decision = decide(
      host(gpus: 2),
      running: [
        running("old", gpus: [0], priority: .preemptible, startedAt: -9),
        running("young", gpus: [1], priority: .preemptible, startedAt: -1),
      ], [waiting("n", gpus: 1)])
    #expect(decision.preemptions == ["young"])
    #expect(decision.sentence("n") == "waits for 1 GPU; 0 free; preempted for it: job young")
    #expect(decision.reservation?.by == 30_000_000_000)
  }

  @Test func `nobody is preempted in vain, twice, or for a job of the same class`() {
    let preemptible = running("p", gpus: [0], priority: .preemptible)
    // The other GPU is held by a job that may not be preempted.
    let host = host(gpus: 2)
    #expect(decide(host, running: [preemptible, running("n", gpus: [1])], [waiting("a", gpus: 2)]).preemptions == [])
    #expect(
      decide(host, running: [running("i", gpus: [0, 1])], [waiting("a", gpus: 2, priority: .interactive)]).preemptions
        == [])
    let equal = [waiting("a", gpus: 2, priority: .preemptible)]
    #expect(decide(host, running: [preemptible], equal).preemptions == [])
    let stopping = running("p", gpus: [0], priority: .preemptible, isStopping: true)
    let other = running("q", gpus: [1], priority: .preemptible)
    #expect(decide(host, running: [stopping, other], [waiting("a", gpus: 1)]).preemptions == [])
  }

  @Test func `only those are preempted who hold what is needed`() {
    let decision = decide(
      host(gpus: 2),
      running: [
        running("gpu", gpus: [0, 1], priority: .preemptible, startedAt: -9),
        running("cpu", priority: .preemptible, startedAt: -1),
      ], [waiting("n", gpus: 1)])
    #expect(decision.preemptions == ["gpu"])
  }

  @Test func `a group is preempted as one`() {
    let decision = decide(
      host(gpus: 2),
      running: [0, 1].map { running("g\($0)", gpus: [$0], priority: .preemptible, group: "g") }, [waiting("n", gpus: 1)]
    )
    #expect(decision.preemptions == ["g0", "g1"])
  }
}

struct GroupTests {
  private func group(_ size: Int, gpus: Int, of members: Int? = nil) -> [WaitingJob] {
    (0..<size).map { index in
      var job = waiting("g\(index)", gpus: gpus)
      job.group = .init(id: "g", members: members ?? size)
      return job
    }
  }

  @Test func `a group starts together or not at all`() {
    let all = decide(host(gpus: 4), group(2, gpus: 2))
    #expect(all.starts.count == 1 && all.started == ["g0", "g1"])
    let none = decide(host(gpus: 3), running: [], group(2, gpus: 2))
    #expect(none.started == [])
    #expect(none.code("g1") == .never)
  }

  @Test func `what a group needs is kept for it`() {
    let decision = decide(
      host(gpus: 4), running: [running("r", gpus: [0], endsAfter: 5)], group(2, gpus: 2) + [waiting("a", gpus: 1)])
    #expect(decision.started == [])
    #expect(decision.code("a") == .reserved)
  }

  @Test func `a group that is not complete waits, and blocks nobody`() {
    let decision = decide(host(gpus: 4), group(2, gpus: 1, of: 3) + [waiting("a", gpus: 4)])
    #expect(decision.started == ["a"])
    #expect(decision.sentence("g0") == "waits for the rest of its group: 2 of 3 jobs are in the queue")
  }
}
