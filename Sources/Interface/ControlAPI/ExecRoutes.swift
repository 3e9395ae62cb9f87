import API
import Containers
import ControlDatabase
import FoundationEssentials
import HTTPService
import JobStates
import Jobs
import Synchronization
import Wire

/// Commands that run in jobs' containers, and what is sent to them.
final class ExecInputs: Sendable {
  private struct Command {
    var input: AsyncStream<[UInt8]>.Continuation?
    var sizes: AsyncStream<TerminalSize>.Continuation?
  }

  private let commands = Mutex<[String: Command]>([:])

  /// A new one, which is over with ``finish(_:)``.
  /// - Parameters:
  ///   - reads: whether it reads what is sent.
  ///   - size: of its terminal, if it has one.
  func begin(
    reads: Bool, terminal size: TerminalSize?
  ) -> (id: String, input: AsyncStream<[UInt8]>?, sizes: AsyncStream<TerminalSize>?) {
    let id = Names.newIdentifier()
    let input = reads ? AsyncStream.makeStream(of: [UInt8].self) : nil
    // Of sizes that follow each other faster than they are told only the last is of interest.
    let sizes = size.map { _ in AsyncStream.makeStream(of: TerminalSize.self, bufferingPolicy: .bufferingNewest(1)) }
    if let size { sizes?.continuation.yield(size) }
    commands.withLock { $0[id] = Command(input: input?.continuation, sizes: sizes?.continuation) }
    return (id, input?.stream, sizes?.stream)
  }

  func give(_ bytes: [UInt8], to id: String) throws {
    guard let input = commands.withLock({ $0[id]?.input }) else {
      throw APIError.notFound("There is no command \(id) that reads: it has ended, or its input has.", subject: id)
    }
    input.yield(bytes)
  }

  func resize(_ id: String, to size: TerminalSize) throws {
    guard let sizes = commands.withLock({ $0[id]?.sizes }) else {
      throw APIError.notFound("There is no command \(id) in a terminal: it has ended, or it has none.", subject: id)
    }
    sizes.yield(size)
  }

  /// Nothing follows that it could read.
  func end(_ id: String) {
    commands.withLock { commands in
      commands[id]?.input?.finish()
      commands[id]?.input = nil
    }
  }

  func finish(_ id: String) {
    let command = commands.withLock { $0.removeValue(forKey: id) }
    command?.input?.finish()
    command?.sizes?.finish()
  }
}

extension ControlAPI {
  /// A client that has gone is noticed within this, and its command ended.
  private static let execHeartbeatSeconds = 2

  func addExecRoutes(to routes: inout Routes) {
    let inputs = ExecInputs()
    routes.add("POST", "/v1/jobs/{job}/exec") { request in
      let job = try await find(request).id
      let wanted: ExecRequest = try await request.json()
      return .lines(heartbeatSeconds: Self.execHeartbeatSeconds) { handover in
        let command = inputs.begin(reads: wanted.input ?? false, terminal: wanted.terminal)
        defer { inputs.finish(command.id) }
        await handover.give(try line(ExecEvent(exec: command.id)))
        let code = try await jobs.exec(
          in: job, wanted.command, environment: wanted.environment ?? [:], input: command.input, sizes: command.sizes
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
    routes.add("POST", "/v1/jobs/{job}/exec/{exec}/size") { request in
      try inputs.resize(request.parameter("exec"), to: try await request.json())
      return .empty
    }
  }

  private func line(_ event: ExecEvent) throws -> [UInt8] { try WireJSON.encode(event) + [10] }
}
