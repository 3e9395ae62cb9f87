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
    lines { handover in
      for try await value in source {
        guard await handover.give(try WireJSON.encode(convert(value)) + [10]), !isLast(value) else { break }
      }
    }
  }

  /// - Parameters:
  ///   - heartbeatSeconds: within which it is noticed that the client has gone.
  ///   - produce: gives the lines, each with its line feed, and returns after the last.
  static func lines(
    heartbeatSeconds: Int = Self.heartbeatSeconds, _ produce: @escaping @Sendable (Handover) async throws -> Void
  ) -> Reply {
    let handover = Handover()
    let producer = Task {
      do {
        try await produce(handover)
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
      LineSequence(life: LineSequence.Life(handover: handover, producer: producer, heartbeat: heartbeat)))
  }
}

private struct LineSequence: AsyncSequence, Sendable {
  typealias Element = [UInt8]
  typealias Failure = any Error

  /// Ends the tasks when nobody reads any more.
  final class Life: Sendable {
    let handover: Handover
    private let producer: Task<Void, Never>
    private let heartbeat: Task<Void, any Error>

    init(handover: Handover, producer: Task<Void, Never>, heartbeat: Task<Void, any Error>) {
      self.handover = handover
      self.producer = producer
      self.heartbeat = heartbeat
    }

    deinit {
      heartbeat.cancel()
      producer.cancel()
      Task { [handover] in await handover.abandon() }
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
  private var offers: [(piece: [UInt8], giver: CheckedContinuation<Bool, Never>)] = []
  private var taker: CheckedContinuation<[UInt8]?, Never>?
  private var isFinished = false

  /// Returns true when the piece is taken, and false where nothing is taken any more.
  @discardableResult
  func give(_ piece: [UInt8]) async -> Bool {
    if isFinished { return false }
    if let taker {
      self.taker = nil
      taker.resume(returning: piece)
      return true
    }
    return await withCheckedContinuation { offers.append((piece, $0)) }
  }

  /// The next piece; nil after the last. Not to be called again before it returns.
  func take() async -> [UInt8]? {
    if !offers.isEmpty {
      let offer = offers.removeFirst()
      offer.giver.resume(returning: true)
      return offer.piece
    }
    if isFinished { return nil }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { taker = $0 }
    } onCancel: {
      Task { await abandon() }
    }
  }

  /// Nothing comes after what is offered now.
  func finish() {
    isFinished = true
    taker?.resume(returning: nil)
    taker = nil
  }

  /// Nothing is taken any more. Cancelling a giver does not wake it, so this must: it would hold what it
  /// reads from, such as a job's log, for ever.
  func abandon() {
    finish()
    for offer in offers { offer.giver.resume(returning: false) }
    offers = []
  }
}
