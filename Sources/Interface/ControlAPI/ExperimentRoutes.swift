import API
import ControlDatabase
import Experiments
import HTTPService
import Wire

extension ControlAPI {
  func addExperimentRoutes(to routes: inout Routes) {
    routes.add("POST", "/v1/experiments") { request in
      let new: NewExperiment = try await request.json()
      let experiment = try await experiments.submit(
        ExperimentRequest(
          text: new.file, name: new.name, project: new.project, directory: new.directory ?? "",
          workspaceSnapshot: new.workspaceSnapshot, git: new.git),
        provideModels: { try await mount($0, in: $1, forExperiment: $2) })
      return try .json(API.Experiment(experiment, nil), status: 201)
    }
    routes.add("GET", "/v1/experiments") { request in
      let found = try await experiments.list(
        project: request.query("project"), limit: request.integer("limit", in: 1...10_000) ?? 100)
      let summaries = try await experiments.summaries()
      return try .json(ExperimentList(experiments: found.map { API.Experiment($0, summaries[$0.id]) }))
    }
    routes.add("POST", "/v1/experiments/compare") { request in
      let wanted: ComparisonRequest = try await request.json()
      return try .json(try await compare(wanted.references))
    }
    routes.add("GET", "/v1/experiments/{experiment}") { request in
      let report = try await experiments.report(find(experiment: request))
      return try .json(ExperimentDetails(report))
    }
    routes.add("POST", "/v1/experiments/{experiment}/stop") { request in
      let id = try await find(experiment: request)
      return try .json(API.Experiment(try await experiments.stop(id), try await experiments.summaries()[id]))
    }
    routes.add("DELETE", "/v1/experiments/{experiment}") { request in
      try await experiments.remove(find(experiment: request), artifacts: request.flag("artifacts"))
      return .empty
    }
    routes.add("GET", "/v1/experiments/{experiment}/wait") { request in
      let seconds = try request.integer("seconds", in: 0...300) ?? 60
      let experiment = try await wait(forExperiment: find(experiment: request), seconds: seconds)
      return try .json(API.Experiment(experiment, try await experiments.summaries()[experiment.id]))
    }
    routes.add("GET", "/v1/experiments/{experiment}/log") { request in
      let entries = try await experiments.searchLog(of: find(experiment: request))
      return try .json(
        entries.map {
          SearchEntry(number: $0.number, timeNanoseconds: $0.time, event: $0.event, decisions: $0.decisions)
        })
    }
  }

  /// The identifier of the experiment that the path names.
  private func find(experiment request: Request) async throws -> String {
    try await experiments.find(request.parameter("experiment")).id
  }

  /// The experiment when it has ended, or as it is after so many seconds.
  private func wait(forExperiment id: String, seconds: Int) async throws -> PlatformExperiment {
    try await result(within: seconds) { [experiments] in
      try await experiments.wait(for: id)
    } otherwise: {
      try await experiments.find(id)
    }
  }
}
