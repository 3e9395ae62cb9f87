import API
import HTTPService
import Secrets

extension ControlAPI {
  func addSecretRoutes(to routes: inout Routes) {
    routes.add("GET", "/v1/secrets") { request in
      let found = try await secrets.list(project: request.query("project"))
      return try .json(SecretList(secrets: found.map { API.Secret($0) }))
    }
    routes.add("PUT", "/v1/secrets/{name}") { request in
      let new: NewSecret = try await request.json()
      let secret = try await secrets.set(request.parameter("name"), project: new.project, value: Array(new.value))
      return try .json(API.Secret(secret))
    }
    routes.add("DELETE", "/v1/secrets/{name}") { request in
      try await secrets.remove(request.parameter("name"), project: request.query("project"))
      return .empty
    }
  }
}
