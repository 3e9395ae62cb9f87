import FileSystem
import HTTPService
import StorageAPI
import Wire

// Links beside volumes: PUT, DELETE /v1/links?path=….
extension StorageService {
  func addLinkRoutes(to router: inout Router) {
    router.add("PUT", "/v1/links") { [self] request in
      let path = try linkPath(request)
      let link = try await request.json(LinkTarget.self)
      try await onStore { try $0.setLink(path, to: link.target) }
      return .empty
    }
    router.add("DELETE", "/v1/links") { [self] request in
      let path = try linkPath(request)
      try await onStore { try $0.removeLink(path) }
      return .empty
    }
  }

  private func linkPath(_ request: Request) throws -> String {
    guard let path = request.query("path") else {
      throw APIError.invalid("Say where the link is: /v1/links?path=models/NAME/ALIAS.", subject: "path")
    }
    return path
  }
}
