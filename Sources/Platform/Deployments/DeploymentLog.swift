import Containers
import FoundationEssentials

/// A line that a replica wrote.
public struct ReplicaLogLine: Hashable, Sendable {
  /// The name of its container.
  public let container: String
  public let line: LogLine
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
  /// Hides secrets.
  let mask: LogMask

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  public struct Iterator: AsyncIteratorProtocol {
    private let log: DeploymentLog
    private var files: [String: ContainerLogFile] = [:]
    private var lines: ArraySlice<ReplicaLogLine> = []
    private var isFirst = true

    init(_ log: DeploymentLog) { self.log = log }

    public mutating func next() async throws -> ReplicaLogLine? {
      while lines.isEmpty {
        lines = try read()[...]
        if isFirst, let tail = log.tail {
          // All that is there by now counts for the tail.
          while case let more = try read(), !more.isEmpty { lines = (lines + more).suffix(tail) }
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
    private mutating func read() throws -> [ReplicaLogLine] {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: log.directory)) ?? []
      var found: [ReplicaLogLine] = []
      for name in names where name.hasSuffix(".log") {
        let container = String(name.dropLast(4))
        if let replica = log.replica, !container.contains("-\(replica)-") { continue }
        let file = files[container] ?? ContainerLogFile(path: "\(log.directory)/\(name)")
        files[container] = file
        found += try file.read().map { line in
          var line = line
          line.text = log.mask.hidden(in: line.text)
          return ReplicaLogLine(container: container, line: line)
        }
      }
      return found.sorted { $0.line.time < $1.line.time }
    }
  }
}
