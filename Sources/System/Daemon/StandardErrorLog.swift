import Glibc
import Logging

/// Writes log records to standard error, a line each: for the journal with the priority that it
/// understands (sd-daemon(3)) and without the time, which it adds itself; for a terminal or a file
/// with both in words.
public struct StandardErrorLog: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level = .info
  private let label: String
  private let isJournal: Bool

  public init(label: String, environment: [String: String]) {
    self.label = label
    isJournal = environment["JOURNAL_STREAM"] != nil
  }

  /// Makes this the handler of all loggers of the process. To be called once, before the first one is made.
  public static func bootstrap(environment: [String: String]) {
    LoggingSystem.bootstrap { StandardErrorLog(label: $0, environment: environment) }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    var line = isJournal ? "<\(Self.priority(event.level))>" : "\(Self.time()) \(event.level) \(label): "
    // A line break in a message would let it pass for two.
    line += event.message.description.split(whereSeparator: \.isNewline).joined(separator: " | ")
    for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
    line += "\n"
    // One write, so that threads' lines don't mix. Nowhere to complain if it fails.
    _ = write(STDERR_FILENO, line, line.utf8.count)
  }

  /// syslog(3)'s numbers.
  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .critical: 2
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug, .trace: 7
    }
  }

  private static func time() -> String {
    var now = time_t()
    Glibc.time(&now)
    var parts = tm()
    localtime_r(&now, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S%z", &parts)
    return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
