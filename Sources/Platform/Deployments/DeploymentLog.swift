import Containers
import FoundationEssentials

/// A line that a replica wrote.
public struct ReplicaLogLine: Hashable, Sendable {
  /// The name of its container.
  public let container: String
  public internal(set) var line: LogLine
}

/// What a deployment's replicas wrote, as far as it is kept. Lines are read as they are asked for.
public struct DeploymentLog: AsyncSequence, Sendable {
  public typealias Element = ReplicaLogLine

  /// Holds a log for each container.
  let directory: String
  /// Only of this replica.
  let replica: String?
  let follow: Bool
  let tail: Int?
  /// What hides secrets. Asked for whenever lines are there, which then were written with what they are now or were:
  /// a replica that starts while the log is followed is given their values of then.
  let mask: @Sendable () async throws -> LogMask

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  public struct Iterator: AsyncIteratorProtocol {
    private let log: DeploymentLog
    private var files: [String: ContainerLogFile] = [:]
    private var lines: ArraySlice<ReplicaLogLine> = []
    private var isFirst = true

    init(_ log: DeploymentLog) { self.log = log }

    public mutating func next() async throws -> ReplicaLogLine? {
      while lines.isEmpty {
        lines = try await read()[...]
        if isFirst, let tail = log.tail {
          // All that is there by now counts for the tail.
          while case let more = try await read(), !more.isEmpty { lines = (lines + more).suffix(tail) }
          lines = lines.suffix(tail)
        }
        isFirst = false
        if lines.isEmpty {
          guard log.follow else { return nil }
          try await Task.sleep(for: .milliseconds(200))
        }
      }
      return lines.popFirst()
    }

    /// The next lines of all containers, by time.
    private mutating func read() async throws -> [ReplicaLogLine] {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: log.directory)) ?? []
      var found: [ReplicaLogLine] = []
      for name in names where name.hasSuffix(".log") {
        let container = String(name.dropLast(4))
        if let replica = log.replica, !container.contains("-\(replica)-") { continue }
        let file = files[container] ?? ContainerLogFile(path: "\(log.directory)/\(name)")
        files[container] = file
        found += try file.read().map { ReplicaLogLine(container: container, line: $0) }
      }
      if found.isEmpty { return [] }
      let mask = try await log.mask()
      if !mask.isEmpty {
        for index in found.indices { found[index].line.text = mask.hidden(in: found[index].line.text) }
      }
      return found.sorted { $0.line.time < $1.line.time }
    }
  }
}
