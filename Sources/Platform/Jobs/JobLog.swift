import Containers
import ControlDatabase
import JobStates
import Secrets

/// A place in a job's log: whoever was told of it goes on there.
public struct LogCursor: Hashable, Sendable, CustomStringConvertible {
  public var attempt: Int
  /// In the attempt's log.
  public var offset: Int64

  public init(attempt: Int, offset: Int64) {
    self.attempt = attempt
    self.offset = offset
  }

  /// From its description; nil: it is none.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let attempt = Int(parts[0]), let offset = Int64(parts[1]), attempt > 0, offset >= 0 else {
      return nil
    }
    self.init(attempt: attempt, offset: offset)
  }

  public var description: String { "\(attempt):\(offset)" }
}

/// A line of a job's log.
public struct JobLogLine: Hashable, Sendable {
  public let line: LogLine
  /// Behind it.
  public let cursor: LogCursor

  public var text: String { line.text }
}

/// Which of a job's log is wanted.
public struct JobLogSelection: Sendable {
  /// nil: the last one, and those that follow.
  public var attempt: Int?
  /// Until the job ends, instead of until now.
  public var follow = false
  /// Begin this many lines before the end; nil: at the beginning.
  public var tail: Int?
  /// nil: both.
  public var stream: LogLine.Stream?
  /// Begin here; nil: as the others say.
  public var after: LogCursor?

  public init(
    attempt: Int? = nil, follow: Bool = false, tail: Int? = nil, stream: LogLine.Stream? = nil, after: LogCursor? = nil
  ) {
    self.attempt = attempt
    self.follow = follow
    self.tail = tail
    self.stream = stream
    self.after = after
  }
}

/// What a job wrote, oldest first. Lines are read as they are asked for, however long the log is; secrets that the job was
/// given are hidden. Where they can't be, because nobody can tell what they are, it throws `ControlError` `unavailable`.
public struct JobLog: AsyncSequence, Sendable {
  public typealias Element = JobLogLine

  let database: ControlDatabase
  let secrets: SecretService
  let files: JobFiles
  let job: String
  let selection: JobLogSelection

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  public struct Iterator: AsyncIteratorProtocol {
    private let log: JobLog
    private var number = 0
    private var file: ContainerLogFile?
    private var lines: ArraySlice<LogLine> = []
    private var pause = Self.shortestPause
    /// Hides the secrets of the attempt that is read; nil: it was not needed yet.
    private var mask: LogMask?
    /// Nothing more will be written to `file`.
    private var hasEnded = false
    private var isFinished = false

    private static let shortestPause = Duration.milliseconds(10)

    init(_ log: JobLog) { self.log = log }

    public mutating func next() async throws -> JobLogLine? {
      while true {
        if var line = lines.popFirst() {
          if let mask { line.text = mask.hidden(in: line.text) }
          return JobLogLine(line: line, cursor: LogCursor(attempt: number, offset: line.end))
        }
        if isFinished { return nil }
        try await readMore()
      }
    }

    private func isWanted(_ line: LogLine) -> Bool { log.selection.stream.map { line.stream == $0 } ?? true }

    private mutating func readMore() async throws {
      guard let file else { return try await openFirst() }
      let read = try file.read()
      try await take(read, from: file)
      if !read.isEmpty {
        pause = Self.shortestPause
      } else if hasEnded {
        // Looked once more after the end: this is all.
        try await take(file.finish(), from: file)
        if lines.isEmpty { try await openNext() }
      } else if try await attemptHasEnded() {
        hasEnded = true
      } else {
        try await Task.sleep(for: pause)
        pause = Swift.min(pause * 2, .milliseconds(200))
      }
    }

    private mutating func openFirst() async throws {
      let job = try await log.database.job(log.job)
      if let cursor = log.selection.after { return open(cursor.attempt, offset: cursor.offset) }
      open(log.selection.attempt ?? Swift.max(job.attempt, 1))
      guard let tail = log.selection.tail, let file else { return }
      try await take(file.readTail(tail, where: isWanted), from: file)
    }

    /// Lines that are given out next. Not before they are there is it looked up what is to be hidden in them: who writes
    /// has been given its secrets.
    private mutating func take(_ read: [LogLine], from file: ContainerLogFile) async throws {
      let wanted = read.filter(isWanted)
      if mask == nil, !wanted.isEmpty { mask = try await mask(for: file) }
      lines = wanted[...]
    }

    private func mask(for file: ContainerLogFile) async throws -> LogMask {
      let job = try await log.database.job(log.job)
      do {
        return LogMask(try await JobSecrets.traces(in: job, from: log.secrets))
      } catch let error where !(error is CancellationError) {
        // In a compressed log they have been hidden for good.
        if file.isCompressed { return LogMask([]) }
        throw ControlError(
          .unavailable, subject: job.id,
          "the log of job \(job.name) is withheld: it may show secrets, and these can't be read, so they can't be hidden: "
            + "\(error)")
      }
    }

    private mutating func openNext() async throws {
      guard log.selection.follow, log.selection.attempt == nil, try await attemptFollows() else {
        isFinished = true
        return
      }
      open(number + 1)
    }

    private mutating func open(_ number: Int, offset: Int64 = 0) {
      self.number = number
      file = ContainerLogFile(path: log.files.log(of: log.job, attempt: number), offset: offset)
      hasEnded = false
      mask = nil
    }

    private func attemptHasEnded() async throws -> Bool {
      guard log.selection.follow else { return true }
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
