import API
import ControlDatabase
import HTTPService
import Tokens

extension ControlAPI {
  func addTokenRoutes(to routes: inout Routes) {
    routes.add("GET", "/v1/tokens") { _ in
      try .json(TokenList(tokens: try await tokens.list().map { API.Token($0) }))
    }
    routes.add("POST", "/v1/tokens") { request in
      let new: NewToken = try await request.json()
      let (secret, token) = try await tokens.create(
        name: new.name, project: new.project, seconds: new.expiresSeconds)
      return try .json(
        NewTokenSecret(token: secret, id: token.id, project: token.project, expiresNanoseconds: token.expiresAt),
        status: 201)
    }
    routes.add("DELETE", "/v1/tokens/{token}") { request in
      try await tokens.revoke(request.parameter("token"))
      return .empty
    }
  }
}
