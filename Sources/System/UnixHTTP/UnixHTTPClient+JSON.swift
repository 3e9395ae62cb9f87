import Wire

// What almost every call is: JSON both ways, an answer of moderate size, and a refusal thrown.
extension UnixHTTPClient {
  /// Bytes of a JSON answer.
  public static let maximumAnswer = 64 << 20

  /// Sends a request and returns the whole answer.
  /// - Throws: the daemon's ``APIError`` where it refuses, ``HTTPClientError`` where it can't be talked to.
  @discardableResult
  public func send(
    _ method: String, _ target: String, body: Body = .none, idleSeconds: Double? = 120
  ) async throws -> [UInt8] {
    let response = try await request(method, target, body: body, idleSeconds: idleSeconds)
    try await response.throwIfRefused()
    return try await response.body.collect(limit: Self.maximumAnswer)
  }

  public func get<Answer: Decodable>(_ target: String) async throws -> Answer {
    try decode(Answer.self, await send("GET", target), of: "GET \(target)")
  }

  public func post<Answer: Decodable>(_ target: String, _ value: some Encodable) async throws -> Answer {
    try decode(Answer.self, await send("POST", target, body: .json(value)), of: "POST \(target)")
  }

  public func put<Answer: Decodable>(_ target: String, _ value: some Encodable) async throws -> Answer {
    try decode(Answer.self, await send("PUT", target, body: .json(value)), of: "PUT \(target)")
  }

  /// Parses the answer of `request`, which is named in errors only.
  public func decode<Answer: Decodable>(
    _ type: Answer.Type, _ bytes: [UInt8], of request: String
  ) throws -> Answer {
    do {
      return try WireJSON.decode(type, from: bytes)
    } catch {
      throw HTTPClientError.malformed(request: request, reason: "\(error)")
    }
  }
}

extension UnixHTTPClient.Body {
  /// A value as JSON.
  public static func json(_ value: some Encodable) throws -> Self {
    .bytes(try WireJSON.encode(value), contentType: "application/json")
  }
}

extension Response {
  /// Throws the daemon's ``APIError`` where the status is not one of success.
  public func throwIfRefused() async throws {
    if (200...299).contains(status) { return }
    let bytes = try await body.collect(limit: 1 << 20)
    guard var error = try? WireJSON.decode(APIError.self, from: bytes) else {
      throw APIError(
        status: status, code: "http_\(status)",
        message: "\(body.request): the daemon answered \(status): \(String(decoding: bytes.prefix(500), as: UTF8.self))"
      )
    }
    error.status = status
    throw error
  }
}
