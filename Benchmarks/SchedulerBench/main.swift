import Glibc
import JobStates
import Scheduler

// How long a decision over a queue of this many jobs takes, on a host of eight GPUs: of the first pass, in which some start,
// and of one in which all wait.

let count = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 10_000
let host = Host(
  gpus: (0..<8).map { HostGPU(uuid: "GPU-\($0)") },
  closeness: (0..<8).map { a in (0..<8).map { b in a / 4 == b / 4 ? 2 : 1 } }, milliCPUs: 128_000,
  memoryBytes: 1 << 40)
let queue = (0..<count).map { index -> WaitingJob in
  let gpus: GPUNeed =
    switch index % 8 {
    case 0: .none
    case 1: .share(GPUShare(shards: 1, of: 4)!)
    case 2: .whole(8)
    default: .whole(1 + index % 3)
    }
  return WaitingJob(
    id: "job\(index)", project: "project\(index % 50)", priority: JobPriority.allCases[index % 3],
    sequence: Int64(index), need: ResourceNeed(gpus: gpus, milliCPUs: 4000, memoryBytes: 8 << 30),
    timeLimit: index % 4 == 0 ? nil : 3_600_000_000_000,
    group: index % 40 < 4 ? .init(id: "group\(index / 40)", members: min(4, count - index / 40 * 40)) : nil)
}
let projects = Dictionary(
  uniqueKeysWithValues: (0..<50).map { index in
    (
      "project\(index)",
      ProjectAccount(
        usage: Usage(gpuSeconds: Double(index * 37 % 50) * 1000), quota: ProjectQuota(gpus: index % 2 == 0 ? 4 : nil))
    )
  })
let first = SchedulerInput(host: host, queue: queue, projects: projects, now: 0)
let decision = schedule(first)
let slots = Dictionary(uniqueKeysWithValues: decision.starts.joined().map { ($0.job, $0.slots) })
let full = SchedulerInput(
  host: host,
  running: queue.compactMap { job in
    slots[job.id].map {
      RunningJob(
        id: job.id, project: job.project, priority: job.priority, need: job.need, slots: $0, startedAt: 0,
        endsBy: job.timeLimit)
    }
  }, queue: queue.filter { slots[$0.id] == nil }, projects: projects, now: 1_000_000_000)

/// Of this thread's processor time, which other programs on the machine don't change much.
func processorMilliseconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
}

func measure(_ name: String, _ input: SchedulerInput) {
  let times = (0..<50).map { _ in
    let start = processorMilliseconds()
    precondition(schedule(input).waiting.count <= input.queue.count)
    return processorMilliseconds() - start
  }.sorted()
  func text(_ time: Double) -> String { "\((time * 100).rounded() / 100) ms" }
  print("\(name): \(input.queue.count) jobs queued, a decision takes \(text(times[25])), at most \(text(times[49]))")
}

measure("empty host", first)
measure("full host", full)
