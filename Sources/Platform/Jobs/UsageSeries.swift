import FoundationEssentials
import Glibc
import Linux

/// What an attempt used of the host at one time.
public struct UsageSample: Hashable, Codable, Sendable {
  /// Of one GPU.
  public struct GPU: Hashable, Codable, Sendable {
    public var uuid: String
    public var utilizationPercent: Double?
    public var memoryMebibytes: Double?
    public var powerWatts: Double?
  }

  /// Nanoseconds since 1970.
  public var time: Int64
  /// Of all processors together, since the attempt was started.
  public var processorNanoseconds: UInt64
  /// The most since the sample before.
  public var memoryBytes: UInt64
  /// Of disks, since the attempt was started; nil: unknown.
  public var readBytes: UInt64?
  public var writtenBytes: UInt64?
  public var gpus: [GPU]?

  /// How many processors' whole time was used since an earlier sample; nil: it is none of the same attempt, or not an
  /// earlier one.
  public func processorShare(since last: UsageSample) -> Double? {
    guard time > last.time, processorNanoseconds >= last.processorNanoseconds else { return nil }
    return Double(processorNanoseconds - last.processorNanoseconds) / Double(time - last.time)
  }
}

/// An attempt's samples in a file, one JSON object a line. However long the attempt runs there are at most ``limit``:
/// when they are as many, every other one goes, and they come half as often from then on.
struct UsageSeries {
  static let limit = 1024

  let path: String
  private var samples: [UsageSample]
  private var spacing: Int64
  /// The most memory since the last sample.
  private var peak: UInt64 = 0

  /// - Parameter spacing: nanoseconds between samples, at the beginning.
  init(path: String, spacing: Int64) {
    self.path = path
    samples = Self.read(path)
    self.spacing = spacing
    if let first = samples.first, let last = samples.last, samples.count > 1 {
      self.spacing = max(spacing, (last.time - first.time) / Int64(samples.count - 1) * 3 / 4)
    }
  }

  /// What is there. A line that a power cut has torn is passed over.
  static func read(_ path: String) -> [UsageSample] {
    let decoder = JSONDecoder()
    return (FileManager.default.contents(atPath: path) ?? Data()).split(separator: 10)
      .compactMap { try? decoder.decode(UsageSample.self, from: $0) }
  }

  /// Keeps a sample, if it is time for one; else only the most memory of it.
  mutating func add(_ sample: UsageSample) throws {
    peak = max(peak, sample.memoryBytes)
    if let last = samples.last, sample.time - last.time < spacing { return }
    var sample = sample
    sample.memoryBytes = peak
    peak = 0
    samples.append(sample)
    if samples.count < Self.limit { return try append(sample) }
    spacing *= 2
    samples = samples.enumerated().compactMap { index, sample in
      guard index % 2 == 1 else { return nil }
      var kept = sample
      kept.memoryBytes = max(sample.memoryBytes, samples[index - 1].memoryBytes)
      return kept
    }
    let text = try samples.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) + "\n" }.joined()
    try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
  }

  private func append(_ sample: UsageSample) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError("open", path) }
    defer { close(descriptor) }
    let line = Array(try JSONEncoder().encode(sample)) + [10]
    guard write(descriptor, line, line.count) == line.count else { throw SystemError("write", path) }
  }
}
