extension WaitReason {
  /// A sentence for people.
  /// - Parameter now: nanoseconds since 1970; times in it are counted from there.
  public func sentence(now: Int64) -> String {
    switch self {
    case .resources(let shortage, let by, let job):
      var text = "waits for \(shortage.sentence)"
      if let by, let job { text += "; enough may be free \(Self.time(by, now: now)) (\(Self.name(job)))" }
      if by == nil, let job { text += "; \(Self.name(job)) must end, which has no time limit" }
      return text
    case .turn(let shortage, let ahead):
      return "waits for \(shortage.sentence); \(Self.count(ahead, "job")) before it"
    case .reserved(let job, let by?):
      return "behind \(Self.name(job)), whose turn is \(Self.time(by, now: now)): with a time limit that ends before,"
        + " it could start now"
    case .reserved(let job, nil):
      return "behind \(Self.name(job)), for which resources are kept: with a time limit it could start now"
    case .preempting(let jobs, let shortage):
      return "waits for \(shortage.sentence); preempted for it: job \(jobs.joined(separator: ", "))"
    case .quota(.gpus, let used, let needed, let limit):
      return "its project may hold \(Self.number(limit)) GPUs, holds \(Self.number(used)), and it needs"
        + " \(Self.number(needed))"
    case .quota(.running, let used, _, let limit):
      return "its project may run \(Self.count(limit, "job")) at once, and runs \(used)"
    case .group(let present, let members):
      return "waits for the rest of its group: \(present) of \(members) jobs are in the queue"
    case .dependency(let job): return "waits for job \(job) to end"
    case .delay(let until): return "waits before its next attempt, which begins \(Self.time(until, now: now))"
    case .never(let shortage) where shortage.faulty > 0: return "waits for \(shortage.sentence)"
    case .never(let shortage):
      return "waits for \(shortage.sentence); this host has no more, whatever ends"
    }
  }

  /// What is no job, such as a deployment's replica, says so itself.
  private static func name(_ job: String) -> String { job.contains(" ") ? job : "job \(job)" }

  private static func time(_ time: Int64, now: Int64) -> String {
    let minutes = (time - now + 59_999_999_999) / 60_000_000_000
    switch minutes {
    case ...0: return "any moment"
    case ..<120: return "within \(minutes) min"
    case ..<2880: return "within \((minutes + 59) / 60) h"
    default: return "within \((minutes + 1439) / 1440) days"
    }
  }

  fileprivate static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

  /// Thousandths, without needless digits.
  fileprivate static func number(_ thousandths: Int) -> String {
    if thousandths % 1000 == 0 { return "\(thousandths / 1000)" }
    var digits = String(thousandths % 1000 + 1000).dropFirst()
    while digits.last == "0" { digits = digits.dropLast() }
    return "\(thousandths / 1000).\(digits)"
  }
}

extension Shortage {
  /// Such as `2 GPUs, 1 of which is free`.
  var sentence: String {
    var text: String
    switch resource {
    case .gpus: text = "\(WaitReason.count(needed, "GPU")); \(free) free"
    case .shards(let of): text = "\(needed)/\(of) of a GPU; no GPU has that free"
    case .instances(let profile): text = "a MIG instance \(profile); none is free"
    case .cpus:
      text =
        "\(WaitReason.number(needed)) processor\(needed == 1000 ? "" : "s");"
        + " \(WaitReason.number(max(free, 0))) free"
    case .memory: text = "\(needed >> 20) MiB of memory; \(max(free, 0) >> 20) free"
    }
    if external > 0 {
      text += "; another program is on \(WaitReason.count(external, "GPU"))"
    }
    if faulty > 0 { text += "; \(WaitReason.count(faulty, "GPU")) can't be used, see cairn gpu ls" }
    return text
  }
}
