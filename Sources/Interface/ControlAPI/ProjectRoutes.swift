import API
import ControlDatabase
import HTTPService
import ModelRepository
import Projects

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
      try .json(API.Project(try await projects.show(request.parameter("project"))))
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
}
