import API
import ControlDatabase
import HTTPService
import Jobs
import ModelRepository
import Projects
import Scheduler

extension ControlAPI {
  func addProjectRoutes(to routes: inout Routes) {
    routes.add("GET", "/v1/projects") { _ in
      let found = try await projects.list()
      return try .json(ProjectList(projects: found.map { API.Project($0) }))
    }
    routes.add("POST", "/v1/projects") { request in
      let new: NewProject = try await request.json()
      return try .json(API.Project(try await projects.create(new.name)), status: 201)
    }
    routes.add("GET", "/v1/projects/{project}") { request in
      try .json(try await project(request.parameter("project")))
    }
    routes.add("PUT", "/v1/projects/{project}/quota") { request in
      let wanted: API.ProjectQuota = try await request.json()
      try await projects.setQuota(
        Scheduler.ProjectQuota(gpus: wanted.gpus, running: wanted.running, queued: wanted.queued),
        of: request.parameter("project"))
      return try .json(try await project(request.parameter("project")))
    }
    routes.add("DELETE", "/v1/projects/{project}") { request in
      let project = request.parameter("project")
      let count = try await models.count(in: project)
      guard count == 0 else {
        throw ControlError(
          .conflict, subject: project,
          "project \(project) has \(count) models; remove them first: cairn model rm --all NAME --project \(project)")
      }
      try await projects.remove(project)
      return .empty
    }
  }

  private func project(_ name: String) async throws -> API.Project {
    var project = API.Project(try await projects.show(name))
    let account = try await jobs.account(of: name)
    project.quota = API.ProjectQuota(
      gpus: account.quota.gpus, running: account.quota.running, queued: account.quota.queued)
    project.usage = ProjectUsage(
      gpuSeconds: account.usage.gpuSeconds, cpuSeconds: account.usage.cpuSeconds, share: account.share)
    return project
  }
}
