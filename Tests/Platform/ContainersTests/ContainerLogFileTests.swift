import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Containers

struct ContainerLogFileTests {
  @Test func `a compressed log gives the same lines at the same offsets, and any of them is a place to go on`() throws {
    try withLog { path in
      let count = 40_000
      try write((0..<count).map { record($0, "line \($0) \(String(repeating: "x", count: $0 % 50))") }, to: path)
      let before = try all(path)
      #expect(before.count == count)
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
      try ContainerLogFile.compress(path, hiding: [])
      try ContainerLogFile.compress(path, hiding: [])
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory(of: path)) == ["1.log.lz4"])
      #expect(try FileManager.default.attributesOfItem(atPath: path + ".lz4")[.size] as? Int ?? 0 < size / 4)
      #expect(try all(path) == before)
      for index in [0, 1, count / 2, count - 2, count - 1, Int.random(in: 0..<count)] {
        let file = ContainerLogFile(path: path, offset: before[index].end)
        #expect(try rest(of: file) == Array(before[(index + 1)...]), "after line \(index)")
      }
    }
  }

  @Test func `the end of a log is read without its beginning, compressed or not`() throws {
    try withLog { path in
      try write((0..<30_000).map { record($0, "line \($0)", $0 % 1000 == 0 ? "stderr" : "stdout") }, to: path)
      for isCompressed in [false, true] {
        if isCompressed { try ContainerLogFile.compress(path, hiding: []) }
        let file = ContainerLogFile(path: path)
        #expect(try file.readTail(3) { _ in true }.map(\.text) == ["line 29997", "line 29998", "line 29999"])
        #expect(try file.read() == [])
        #expect(try ContainerLogFile(path: path).readTail(0) { _ in true } == [])
        let errors = try ContainerLogFile(path: path).readTail(5) { $0.stream == .stderr }
        #expect(errors.map(\.text) == (25..<30).map { "line \($0)000" })
        #expect(try ContainerLogFile(path: path).readTail(100_000) { _ in true }.count == 30_000)
      }
    }
  }

  @Test func `a log over its limit loses its middle, while it is written and read`() throws {
    try withLog { path in
      let reader = ContainerLogFile(path: path)
      var read: [LogLine] = []
      let writer = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
      defer { close(writer) }
      var given: Int64 = 0
      for number in 0..<60_000 {
        let bytes = Array(record(number, "line \(number)").utf8)
        #expect(Glibc.write(writer, bytes, bytes.count) == bytes.count)
        if number == 100 { read += try reader.read() }
        if number % 1000 == 0 { given += try ContainerLogFile.limit(path, to: 1 << 20) }
      }
      given += try ContainerLogFile.limit(path, to: 1 << 20)
      #expect(given > 1 << 20)
      var status = stat()
      #expect(stat(path, &status) == 0 && status.st_blocks * 512 <= 1 << 20)
      while case let more = try reader.read(), !more.isEmpty { read += more }
      for isCompressed in [false, true] {
        if isCompressed { try ContainerLogFile.compress(path, hiding: []) }
        let lines = try all(path)
        #expect(lines.first?.text == "line 0" && lines.last?.text == "line 59999")
        #expect(lines.filter { $0.text.hasPrefix("[cairn: ") }.count == 1)
        // Every line is one that was written, in order.
        let numbers = lines.compactMap { Int($0.text.dropFirst(5)) }
        #expect(numbers.count == lines.count - 1 && numbers == numbers.sorted())
      }
      #expect(read.first?.text == "line 0" && read.last?.text == "line 59999")
    }
  }

  @Test func `secrets are hidden when a log is compressed, also where a line was written in pieces`() throws {
    try withLog { path in
      let secret = "hunter2-and-more"
      var lines = (0..<20_000).map { record($0, "line \($0) has \($0 % 7 == 0 ? secret : "nothing")") }
      lines.insert("1970-01-01T00:00:00Z stdout P hunter2-\n1970-01-01T00:00:00Z stderr F x\n", at: 10_000)
      lines.insert("1970-01-01T00:00:00Z stdout F and-more\n", at: 10_001)
      try write(lines, to: path)
      let before = try all(path)
      try ContainerLogFile.compress(path, hiding: [Array(secret.utf8)])
      let after = try all(path)
      #expect(after.map(\.end) == before.map(\.end))
      let stars = String(repeating: "*", count: secret.utf8.count)
      #expect(after.map(\.text) == before.map { $0.text.replacing(secret, with: stars) })
      #expect(after.contains { $0.text == stars })
    }
  }

  @Test func `a damaged compressed log is an error, never a crash or other text`() throws {
    try withLog { path in
      try write((0..<2_000).map { record($0, "line \($0)") }, to: path)
      let lines = Set(try all(path).map(\.text))
      try ContainerLogFile.compress(path, hiding: [])
      let whole = try #require(FileManager.default.contents(atPath: path + ".lz4"))
      for _ in 0..<300 {
        var damaged = whole
        if Bool.random() { damaged.removeLast(Int.random(in: 1...whole.count)) }
        for _ in 0..<Int.random(in: 1...4) where !damaged.isEmpty {
          damaged[Int.random(in: damaged.indices)] = UInt8.random(in: 0...255)
        }
        try damaged.write(to: URL(filePath: path + ".lz4"))
        _ = try? all(path)
      }
      #expect(!lines.isEmpty)
    }
  }

  private func record(_ number: Int, _ text: String, _ stream: String = "stdout") -> String {
    "2026-11-23T07:18:57.\(String(number + 100_000_000))Z \(stream) F \(text)\n"
  }

  private func write(_ records: [String], to path: String) throws {
    try records.joined().write(toFile: path, atomically: false, encoding: .utf8)
  }

  private func all(_ path: String) throws -> [LogLine] { try rest(of: ContainerLogFile(path: path)) }

  private func rest(of file: ContainerLogFile) throws -> [LogLine] {
    var lines: [LogLine] = []
    while case let more = try file.read(), !more.isEmpty { lines += more }
    return lines + file.finish()
  }

  private func directory(of path: String) -> String { String(path.dropLast("/1.log".count)) }

  /// In a directory of a file system that has holes.
  private func withLog(_ body: (String) throws -> Void) throws {
    let directory = "/var/tmp/cairn-log.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory + "/1.log")
  }
}
