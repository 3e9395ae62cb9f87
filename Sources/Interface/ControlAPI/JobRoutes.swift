import API
import Containers
import ControlDatabase
import HTTPService
import JobStates
import Jobs
import Tracker
import Wire

extension ControlAPI {
  /// The longest that a `wait` is held; the client asks again.
  private static let longestWait = 300

  func addJobRoutes(to routes: inout Routes) {
    routes.add("POST", "/v1/jobs") { request in
      let new: NewJob = try await request.json()
      var wanted = try JobRequest(new)
      for index in (new.dependsOn ?? []).indices {
        wanted.dependsOn?[index].job = try await jobs.find(new.dependsOn?[index].job ?? "").id
      }
      return try .json(API.Job(try await submit(wanted, models: new.models ?? [])), status: 201)
    }
    routes.add("GET", "/v1/jobs") { request in
      let found = try await jobs.list(filter(request))
      let waits = await jobs.waits(of: found.map(\.id))
      return try .json(API.JobList(jobs: found.map { API.Job($0, waits: waits) }))
    }
    routes.add("GET", "/v1/jobs/{job}") { request in
      let job = try await find(request)
      let attempts = try await jobs.attempts(of: job.id)
      let runs = try await tracker.runs(of: job.id)
      var details = JobDetails(
        job: API.Job(job, waits: await jobs.waits(of: [job.id])), attempts: attempts.map { API.Attempt($0) },
        runs: runs.map { JobRun($0) })
      details.experiment = try await experiment(of: job)
      return try .json(details)
    }
    routes.add("POST", "/v1/jobs/{job}/stop") { request in
      let wanted: StopRequest = try await request.json()
      let grace = wanted.graceSeconds ?? 30
      guard (0...86_400).contains(grace) else {
        throw APIError.invalid("`grace_seconds` is a number from 0 to 86400.", subject: "grace_seconds")
      }
      return try .json(API.Job(try await jobs.stop(find(request).id, grace: grace)))
    }
    routes.add("DELETE", "/v1/jobs/{job}") { request in
      try await jobs.remove(find(request).id, artifacts: request.flag("artifacts"))
      return .empty
    }
    routes.add("GET", "/v1/jobs/{job}/wait") { request in
      let seconds = try request.integer("seconds", in: 0...Self.longestWait) ?? 60
      return try .json(API.Job(try await wait(for: find(request).id, seconds: seconds)))
    }
    routes.add("GET", "/v1/jobs/{job}/logs") { request in
      let job = try await find(request).id
      return .lines(try jobs.logs(of: job, logSelection(request))) { API.LogLine($0) }
    }
    routes.add("POST", "/v1/jobs/{job}/rerun") { request in
      let repetition = try await jobs.repetition(of: find(request).id)
      let models = (repetition.models ?? []).map { "\($0.name):\($0.version)" }
      return try .json(API.Job(try await submit(repetition, models: models)), status: 201)
    }
    routes.add("GET", "/v1/jobs/{job}/compare") { request in
      let first = try await find(request)
      let second = try await jobs.find(request.query("with") ?? "", project: request.query("project"))
      return try .json(
        try await ArtifactComparison(
          first: first.id, artifacts(of: first), second: second.id, artifacts(of: second)))
    }
    routes.add("GET", "/v1/jobs/{job}/usage") { request in
      let job = try await find(request).id
      let (attempt, samples) = try await jobs.usage(of: job, attempt: request.integer("attempt", in: 1...1_000_000))
      return try .json(JobUsage(job: job, attempt: attempt, samples: samples.map { API.UsageSample($0) }))
    }
    routes.add("GET", "/v1/jobs/{job}/events") { request in
      let job = try await find(request)
      let after = try request.integer("after", in: 0...Int.max) ?? 0
      let events = try jobs.events(after: Int64(after), subject: job.id, follow: request.flag("follow"))
      return .lines(events, isLast: { $0.to.flatMap(JobState.init(rawValue:))?.isTerminal ?? false }) { JobEvent($0) }
    }
  }

  /// The job that the path names, by identifier, beginning of one, or name.
  func find(_ request: Request) async throws -> PlatformJob {
    try await jobs.find(request.parameter("job"), project: request.query("project"))
  }

  private func logSelection(_ request: Request) throws -> JobLogSelection {
    let stream = try request.query("stream").map { name in
      guard let stream = Containers.LogLine.Stream(rawValue: name) else {
        throw APIError.invalid("`stream` is either stdout or stderr.", subject: "stream")
      }
      return stream
    }
    let cursor = try request.query("after").map { text in
      guard let cursor = LogCursor(text) else {
        throw APIError.invalid("`after` is the `cursor` of a line.", subject: "after")
      }
      return cursor
    }
    return try JobLogSelection(
      attempt: request.integer("attempt", in: 1...1_000_000), follow: request.flag("follow"),
      tail: request.integer("tail", in: 0...1_000_000_000), stream: stream, after: cursor)
  }

  private func filter(_ request: Request) throws -> JobFilter {
    var filter = JobFilter(project: request.query("project"))
    if let limit = try request.integer("limit", in: 1...10_000) { filter.limit = limit }
    if let names = request.query("state") {
      filter.states = try Set(
        names.split(separator: ",").map { name in
          guard let state = JobState(rawValue: String(name)) else {
            let known = JobState.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError.invalid("There is no state `\(name)`; there are \(known).", subject: "state")
          }
          return state
        })
    }
    return filter
  }

  /// The job when it has ended, or as it is after so many seconds.
  private func wait(for job: String, seconds: Int) async throws -> PlatformJob {
    try await result(within: seconds) { [jobs] in
      try await jobs.wait(for: job)
    } otherwise: {
      try await jobs.find(job)
    }
  }
}
