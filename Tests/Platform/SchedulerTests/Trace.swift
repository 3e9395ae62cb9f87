import Glibc
import JobStates
import Scheduler
import TestSupport

let second: Int64 = 1_000_000_000

/// A job of a simulated trace.
struct TraceJob {
  var job: WaitingJob
  let arrival: Int64
  /// How long it really runs: no longer than its time limit.
  var duration: Int64
}

/// What people might submit to a server of eight GPUs, in bursts.
struct TraceMaker {
  var random: SeededGenerator
  /// More of them: classes and fair shares are at work, and jobs do not keep the order in which they came.
  var projects = 1
  var priorities: [JobPriority] = [.normal]

  /// - Parameter load: how much of the host's GPUs the jobs need in all, of what there is while they arrive.
  mutating func jobs(_ count: Int, load: Double) -> [TraceJob] {
    var jobs: [TraceJob] = []
    var gpuSeconds = 0.0
    while jobs.count < count {
      let first = job(number: jobs.count)
      let members = Int.random(in: 0..<20, using: &random) == 0 ? Int.random(in: 2...4, using: &random) : 1
      for member in 0..<members {
        var next = first
        next.job.id = "j\(jobs.count)"
        next.job.sequence = Int64(jobs.count)
        if members > 1 {
          next.job.group = .init(id: first.job.id, members: members)
          next.job.need.gpus = member == 0 || first.job.need.gpus == .none ? first.job.need.gpus : .whole(1)
          if case .whole = first.job.need.gpus { next.job.need.gpus = .whole(1) }
        }
        gpuSeconds += Double(next.job.need.gpus.milliGPUs) / 1000 * Double(next.duration) / 1e9
        jobs.append(next)
      }
    }
    return arriving(jobs, within: gpuSeconds / 8 / load)
  }

  private mutating func job(number: Int) -> TraceJob {
    let gpus: GPUNeed =
      switch Int.random(in: 0..<10, using: &random) {
      case 0...1: .none
      case 2...5: .whole(1)
      case 6: .whole(2)
      case 7: .whole(Bool.random(using: &random) ? 4 : 8)
      case 8: .share(GPUShare(shards: Int.random(in: 1...2, using: &random), of: 4)!)
      default: .share(GPUShare(shards: 1, of: 2)!)
      }
    // Most are short, some are very long.
    let duration = Int64(exp2(Double.random(in: 3...13, using: &random)) * 1e9)
    let limit: Int64? =
      Int.random(in: 0..<10, using: &random) == 0 ? nil : duration * Int64.random(in: 1...4, using: &random)
    return TraceJob(
      job: WaitingJob(
        id: "j\(number)", project: "p\(Int.random(in: 0..<projects, using: &random))",
        priority: priorities.randomElement(using: &random)!, sequence: Int64(number),
        need: ResourceNeed(
          gpus: gpus, milliCPUs: Int.random(in: 1...8, using: &random) * 1000,
          memoryBytes: Int.random(in: 0...24, using: &random) << 30), timeLimit: limit),
      arrival: 0, duration: duration)
  }

  private mutating func arriving(_ jobs: [TraceJob], within seconds: Double) -> [TraceJob] {
    var time = 0.0
    var arrivals: [Int64] = []
    while arrivals.count < jobs.count {
      let burst = min(Int.random(in: 1...30, using: &random), jobs.count - arrivals.count)
      arrivals += [Int64](repeating: Int64(time * 1e9), count: burst)
      time += seconds * Double(burst) / Double(jobs.count) * Double.random(in: 0...2, using: &random)
    }
    // A group is submitted at once.
    var first: [String: Int64] = [:]
    return zip(jobs, arrivals).map { job, arrival in
      var arrival = arrival
      if let group = job.job.group {
        arrival = first[group.id] ?? arrival
        first[group.id] = arrival
      }
      return TraceJob(job: job.job, arrival: arrival, duration: job.duration)
    }
  }
}
