import FoundationEssentials
public import JobStates
import UnixHTTP
import Wire

extension CairnClient {
  /// Runs a command in a job's container, beside the job's own, and returns its exit code.
  /// - Parameters:
  ///   - input: what it reads; nil: nothing.
  ///   - sizes: of its terminal, if it runs in one, whenever that has changed.
  ///   - output: called with what it writes, as it comes.
  public func exec(
    in job: String, _ request: ExecRequest, input: AsyncStream<[UInt8]>?, sizes: AsyncStream<TerminalSize>? = nil,
    output: (LogLine.Stream, Data) throws -> Void
  ) async throws -> Int32 {
    let target = "/v1/jobs/\(UnixHTTPClient.escapeComponent(Array(job.utf8)))/exec"
    let response = try await http.request("POST", target, body: .json(request), idleSeconds: nil)
    try await response.throwIfRefused()
    var writing: [Task<Void, any Error>] = []
    defer { for task in writing { task.cancel() } }
    for try await line in response.body.lines where !line.isEmpty {
      if let failure = try? WireJSON.decode(StreamFailure.self, from: line).error {
        throw APIError(status: 500, code: failure.code, message: failure.message, subject: failure.subject)
      }
      let event = try http.decode(ExecEvent.self, line, of: "POST \(target)")
      if let id = event.exec, let input {
        writing.append(
          Task { [self] in
            for await piece in input { try await send(piece, to: "\(target)/\(id)/input") }
            try await send([], to: "\(target)/\(id)/input?end=true")
          })
      }
      if let id = event.exec, let sizes {
        writing.append(
          Task { [self] in
            for await size in sizes {
              try await http.request("POST", "\(target)/\(id)/size", body: .json(size)).throwIfRefused()
            }
          })
      }
      if let stream = event.stream, let data = event.data { try output(stream, data) }
      if let code = event.exitCode { return code }
    }
    throw HTTPClientError.disconnected(request: "POST \(target)", reason: "the answer ended before the command")
  }

  private func send(_ bytes: [UInt8], to target: String) async throws {
    let body = UnixHTTPClient.Body.bytes(bytes, contentType: "application/octet-stream")
    let response = try await http.request("POST", target, body: body)
    try await response.throwIfRefused()
  }
}
