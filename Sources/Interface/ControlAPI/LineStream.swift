import API
import ControlDatabase
import HTTPService
import Wire

/// An answer of one JSON value a line, as the values come, and an empty line now and then: only by
/// writing does the server notice that a client has gone.
///
/// A value is taken from the source when the one before it has been sent, so a client that reads
/// slowly costs no memory. What goes wrong on the way comes as a last line, a ``StreamFailure``.
extension Reply {
  private static let heartbeatSeconds = 15

  /// - Parameter isLast: whether the answer ends with this value, though the source does not.
  static func lines<Value: Sendable>(
    _ source: some AsyncSequence<Value, any Error> & Sendable,
    isLast: @escaping @Sendable (Value) -> Bool = { _ in false },
    as convert: @escaping @Sendable (Value) -> any Encodable & Sendable
  ) -> Reply {
    let handover = Handover()
    let producer = Task {
      do {
        for try await value in source {
          await handover.give(try WireJSON.encode(convert(value)) + [10])
          if isLast(value) { break }
        }
      } catch is CancellationError {
        // The client has gone.
      } catch {
        let error = apiError(for: error)
        let failure =
          (error as? APIError).map { StreamFailure(code: $0.code, message: $0.message, subject: $0.subject) }
          ?? StreamFailure(code: "internal", message: "\(error)", subject: nil)
        if let line = try? WireJSON.encode(failure) { await handover.give(line + [10]) }
      }
      await handover.finish()
    }
    let heartbeat = Task {
      while !Task.isCancelled {
        try await Task.sleep(for: .seconds(heartbeatSeconds))
        await handover.give([10])
      }
    }
    return .stream(
      contentType: "application/x-ndjson",
      LineSequence(life: LineSequence.Life(handover: handover, tasks: [producer], heartbeat: heartbeat)))
  }
}

private struct LineSequence: AsyncSequence, Sendable {
  typealias Element = [UInt8]
  typealias Failure = any Error

  /// Ends the tasks when nobody reads any more.
  final class Life: Sendable {
    let handover: Handover
    private let tasks: [Task<Void, Never>]
    private let heartbeat: Task<Void, any Error>

    init(handover: Handover, tasks: [Task<Void, Never>], heartbeat: Task<Void, any Error>) {
      self.handover = handover
      self.tasks = tasks
      self.heartbeat = heartbeat
    }

    deinit {
      heartbeat.cancel()
      for task in tasks { task.cancel() }
      Task { [handover] in await handover.finish() }
    }
  }

  let life: Life

  struct AsyncIterator: AsyncIteratorProtocol {
    let life: Life

    func next() async throws -> [UInt8]? { await life.handover.take() }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(life: life) }
}

/// Hands pieces from those who make them to one who sends them: who gives waits until it is taken.
actor Handover {
  private var offers: [(piece: [UInt8], giver: CheckedContinuation<Void, Never>)] = []
  private var taker: CheckedContinuation<[UInt8]?, Never>?
  private var isFinished = false

  /// Returns when the piece is taken, or nothing is taken any more.
  func give(_ piece: [UInt8]) async {
    if isFinished { return }
    if let taker {
      self.taker = nil
      taker.resume(returning: piece)
      return
    }
    await withCheckedContinuation { offers.append((piece, $0)) }
  }

  /// The next piece; nil after the last. Not to be called again before it returns.
  func take() async -> [UInt8]? {
    if !offers.isEmpty {
      let offer = offers.removeFirst()
      offer.giver.resume()
      return offer.piece
    }
    if isFinished { return nil }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { taker = $0 }
    } onCancel: {
      Task { await finish() }
    }
  }

  /// Nothing comes after what is offered now.
  func finish() {
    isFinished = true
    taker?.resume(returning: nil)
    taker = nil
    // What is offered is still taken; but nobody waits for that.
    for offer in offers where offer.piece == [10] { offer.giver.resume() }
    offers.removeAll { $0.piece == [10] }
  }
}
