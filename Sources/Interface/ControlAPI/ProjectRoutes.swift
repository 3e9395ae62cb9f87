import API
import ControlDatabase
import HTTPService
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
      try await projects.remove(request.parameter("project"))
      return .empty
    }
  }
}
