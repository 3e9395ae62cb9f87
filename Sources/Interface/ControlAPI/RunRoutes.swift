import API
import ControlDatabase
import HTTPService
import Tracker

extension ControlAPI {
  func addRunRoutes(to routes: inout Routes) {
    routes.add("GET", "/v1/jobs/{job}/runs") { request in
      let job = try await find(request)
      return try .json(JobRunList(runs: try await tracker.runs(of: job.id).map { JobRun($0) }))
    }
  }
}

extension JobRun {
  fileprivate init(_ run: Run) {
    self.init(
      id: run.identifier, name: run.name, status: run.status.name, experiment: run.experiment, attempt: run.attempt,
      startMilliseconds: run.startTime, endMilliseconds: run.endTime)
  }
}
