import API
import Containers
import ControlDatabase
import FoundationEssentials
import HTTPService
import Jobs
import Synchronization
import Wire

/// Commands that run in jobs' containers and read what is sent to them.
final class ExecInputs: Sendable {
  private let inputs = Mutex<[String: AsyncStream<[UInt8]>.Continuation]>([:])

  /// A new one, which ends with ``end(_:)``.
  func begin() -> (id: String, AsyncStream<[UInt8]>) {
    let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
    let id = Names.newIdentifier()
    inputs.withLock { $0[id] = continuation }
    return (id, stream)
  }

  func give(_ bytes: [UInt8], to id: String) throws {
    guard let input = inputs.withLock({ $0[id] }) else {
      throw APIError.notFound("There is no command \(id) that reads: it has ended, or its input has.", subject: id)
    }
    input.yield(bytes)
  }

  func end(_ id: String) { inputs.withLock { $0.removeValue(forKey: id) }?.finish() }
}

extension ControlAPI {
  func addExecRoutes(to routes: inout Routes) {
    let inputs = ExecInputs()
    routes.add("POST", "/v1/jobs/{job}/exec") { request in
      let job = try await find(request).id
      let wanted: ExecRequest = try await request.json()
      return .lines { handover in
        let input = wanted.input ?? false ? inputs.begin() : nil
        defer { if let input { inputs.end(input.id) } }
        await handover.give(try line(ExecEvent(exec: input?.id ?? "")))
        let code = try await jobs.exec(
          in: job, wanted.command, environment: wanted.environment ?? [:], input: input?.1
        ) { stream, bytes in
          let event = ExecEvent(stream: stream == .stdout ? .stdout : .stderr, data: Data(bytes))
          // Nobody listens any more: it ends.
          guard await handover.give(try line(event)) else { throw CancellationError() }
        }
        await handover.give(try line(ExecEvent(exitCode: code)))
      }
    }
    // Pieces in their order, one request after the other; with `end` nothing follows.
    routes.add("POST", "/v1/jobs/{job}/exec/{exec}/input") { request in
      let id = request.parameter("exec")
      let bytes = try await request.body.collect(limit: 1 << 20)
      if !bytes.isEmpty { try inputs.give(bytes, to: id) }
      if try request.flag("end") { inputs.end(id) }
      return .empty
    }
  }

  private func line(_ event: ExecEvent) throws -> [UInt8] { try WireJSON.encode(event) + [10] }
}
