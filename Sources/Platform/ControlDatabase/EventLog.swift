/// Events after a given one, oldest first.
public struct EventLog: AsyncSequence, Sendable {
  public typealias Element = Event

  let database: ControlDatabase
  let sequence: Int64
  let subject: String?
  let follow: Bool

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  public struct Iterator: AsyncIteratorProtocol {
    private let log: EventLog
    private var last: Int64
    private var events: ArraySlice<Event> = []
    private var changes: AsyncStream<Void>.Iterator

    init(_ log: EventLog) {
      self.log = log
      last = log.sequence
      // Before the first look, so that nothing is missed between looking and waiting.
      changes = log.database.watchChanges().makeAsyncIterator()
    }

    public mutating func next() async throws -> Event? {
      while events.isEmpty {
        events = try await log.database.events(after: last, subject: log.subject)[...]
        if events.isEmpty {
          guard log.follow else { return nil }
          guard await changes.next() != nil else { throw CancellationError() }
        }
      }
      let event = events.removeFirst()
      last = event.sequence
      return event
    }
  }
}

extension ControlDatabase {
  /// Events after the one with number `sequence`, oldest first; with `follow` without end.
  /// - Parameter subject: only those about this job or project.
  public func eventLog(after sequence: Int64 = 0, subject: String? = nil, follow: Bool = false) -> EventLog {
    EventLog(database: self, sequence: sequence, subject: subject, follow: follow)
  }
}
