import Containers
import ControlDatabase
import JobStates

/// What a job wrote, oldest first. Lines are read as they are asked for, however long the log is.
public struct JobLog: AsyncSequence, Sendable {
  public typealias Element = LogLine

  let database: ControlDatabase
  let files: JobFiles
  let job: String
  /// nil: the last one, and those that follow.
  let attempt: Int?
  let follow: Bool
  let tail: Int?

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  public struct Iterator: AsyncIteratorProtocol {
    private let log: JobLog
    private var number = 0
    private var file: ContainerLogFile?
    private var lines: ArraySlice<LogLine> = []
    private var pause = Self.shortestPause
    /// Nothing more will be written to `file`.
    private var hasEnded = false
    private var isFinished = false

    private static let shortestPause = Duration.milliseconds(10)

    init(_ log: JobLog) { self.log = log }

    public mutating func next() async throws -> LogLine? {
      while true {
        if let line = lines.popFirst() { return line }
        if isFinished { return nil }
        try await readMore()
      }
    }

    private mutating func readMore() async throws {
      guard let file else { return try await openFirst() }
      lines = try file.read()[...]
      if !lines.isEmpty {
        pause = Self.shortestPause
      } else if hasEnded {
        // Looked once more after the end: this is all.
        lines = file.finish()[...]
        try await openNext()
      } else if try await attemptHasEnded() {
        hasEnded = true
      } else {
        try await Task.sleep(for: pause)
        pause = Swift.min(pause * 2, .milliseconds(200))
      }
    }

    private mutating func openFirst() async throws {
      let job = try await log.database.job(log.job)
      open(log.attempt ?? Swift.max(job.attempt, 1))
      guard let tail = log.tail, let file else { return }
      while case let more = try file.read(), !more.isEmpty { lines = (lines + more).suffix(tail) }
    }

    private mutating func openNext() async throws {
      guard log.follow, log.attempt == nil, try await attemptFollows() else {
        isFinished = true
        return
      }
      open(number + 1)
    }

    private mutating func open(_ number: Int) {
      self.number = number
      file = ContainerLogFile(path: log.files.log(of: log.job, attempt: number))
      hasEnded = false
    }

    private func attemptHasEnded() async throws -> Bool {
      guard log.follow else { return true }
      let job = try await log.database.job(log.job)
      return job.state.isTerminal || job.attempt > number || (job.attempt == number && job.state == .queued)
    }

    /// Waits until it is known.
    private func attemptFollows() async throws -> Bool {
      for await _ in log.database.watchChanges() {
        let job = try await log.database.job(log.job)
        if job.attempt > number { return true }
        if job.state.isTerminal { return false }
      }
      throw CancellationError()
    }
  }
}
