import FoundationEssentials
import Testing

@testable import Jobs

struct UsageSeriesTests {
  @Test func `a series of any length has few samples, evenly spaced, with the most memory of all`() throws {
    try withFile { path in
      var series = UsageSeries(path: path, spacing: 1_000_000_000)
      let peak = 54_321
      for second in 0..<100_000 {
        // A daemon is restarted now and then.
        if second % 7_777 == 7_000 { series = UsageSeries(path: path, spacing: 1_000_000_000) }
        try series.add(sample(second, memory: second == peak ? 1 << 40 : 1 << 20))
      }
      let samples = UsageSeries.read(path)
      #expect(samples.count > UsageSeries.limit / 4 && samples.count < UsageSeries.limit)
      #expect(samples.map(\.time) == samples.map(\.time).sorted())
      let gaps = zip(samples, samples.dropFirst()).map { ($1.time - $0.time) / 1_000_000_000 }
      #expect(gaps.max() ?? 0 <= 4 * (gaps.min() ?? 0), "\(gaps.min() ?? 0) to \(gaps.max() ?? 0)")
      #expect(samples.map(\.memoryBytes).max() == 1 << 40)
      #expect((samples.last?.time ?? 0) / 1_000_000_000 > 99_000)
    }
  }

  @Test func `a torn line is passed over`() throws {
    try withFile { path in
      var series = UsageSeries(path: path, spacing: 1)
      for second in 0..<3 { try series.add(sample(second, memory: 1)) }
      let whole = try #require(FileManager.default.contents(atPath: path))
      try whole.dropLast(5).write(to: URL(filePath: path))
      #expect(UsageSeries.read(path).count == 2)
      #expect(UsageSeries.read(path + ".none") == [])
    }
  }

  private func sample(_ second: Int, memory: UInt64) -> UsageSample {
    UsageSample(time: Int64(second) * 1_000_000_000, processorNanoseconds: UInt64(second), memoryBytes: memory)
  }

  private func withFile(_ body: (String) throws -> Void) throws {
    let directory = "/tmp/cairn-usage.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory + "/1.usage")
  }
}
