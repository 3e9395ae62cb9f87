import TestSupport
import Testing

@testable import TensorBoard

@Suite struct EventReaderTests {
  // MARK: Writing what is read

  private func variable(_ number: UInt64) -> [UInt8] {
    var rest = number
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  private func bytes(_ number: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
  }

  private func field(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    variable(number << 3 | 2) + variable(UInt64(content.count)) + content
  }

  private func value(_ tag: String, _ number: [UInt8]) -> [UInt8] { field(1, field(1, Array(tag.utf8)) + number) }

  private func simple(_ value: Float) -> [UInt8] { variable(2 << 3 | 5) + bytes(UInt64(value.bitPattern), 4) }

  private func event(_ step: UInt64, _ values: [UInt8], time: Double = 100.5) -> [UInt8] {
    variable(1 << 3 | 1) + bytes(time.bitPattern, 8) + variable(2 << 3) + variable(step) + field(5, values)
  }

  private func record(_ content: [UInt8]) -> [UInt8] {
    let length = bytes(UInt64(content.count), 8)
    return length + bytes(UInt64(EventReader.checksum(length[...])), 4) + content
      + bytes(UInt64(EventReader.checksum(content[...])), 4)
  }

  // MARK: Tests

  @Test func `scalars come out as soon as they are whole, however the bytes come`() {
    let file =
      record(event(0, [])) + record(event(1, value("loss", simple(0.5)) + value("acc", simple(0.25))))
      + record(event(2, value("loss", simple(0.25))))
    for size in [1, 7, 1000] {
      var reader = EventReader()
      var events: [ScalarEvent] = []
      for start in stride(from: 0, to: file.count, by: size) {
        events += reader.read(Array(file[start..<min(start + size, file.count)]))
      }
      #expect(
        events == [
          ScalarEvent(tag: "loss", step: 1, time: 100.5, value: 0.5),
          ScalarEvent(tag: "acc", step: 1, time: 100.5, value: 0.25),
          ScalarEvent(tag: "loss", step: 2, time: 100.5, value: 0.25),
        ])
      #expect(!reader.isDamaged)
    }
  }

  @Test func `TensorFlow 2 writes a scalar as a tensor, and what is none is passed over`() {
    let raw = field(8, variable(1 << 3) + variable(1) + field(4, bytes(UInt64(Float(1.5).bitPattern), 4)))
    let double = field(8, variable(1 << 3) + variable(2) + field(6, bytes(2.5.bitPattern, 8)))
    let image = field(4, [1, 2, 3])
    let text = field(8, variable(1 << 3) + variable(7) + field(8, Array("hello".utf8)))
    var reader = EventReader()
    let values = value("raw", raw) + value("double", double) + value("image", image) + value("text", text)
    let events = reader.read(record(event(7, values)))
    #expect(events.map(\.tag) == ["raw", "double"] && events.map(\.value) == [1.5, 2.5])
  }

  @Test func `a record that is too large for scalars is passed over and not kept`() {
    let image = record(event(1, value("image", field(4, [UInt8](repeating: 7, count: 3 << 20)))))
    let file = image + record(event(2, value("after", simple(1))))
    for size in [4096, 1 << 20, 10 << 20] {
      var reader = EventReader()
      var events: [ScalarEvent] = []
      for start in stride(from: 0, to: file.count, by: size) {
        events += reader.read(Array(file[start..<min(start + size, file.count)]))
      }
      #expect(events.last?.tag == "after" && !reader.isDamaged)
    }
  }

  @Test func `a damaged file ends where it is damaged`() {
    let good = record(event(1, value("loss", simple(0.5))))
    var bad = good
    bad[20] ^= 1
    var reader = EventReader()
    #expect(reader.read(good + bad + good).count == 1)
    #expect(reader.isDamaged && reader.read(good).isEmpty)
    var nonsense = EventReader()
    #expect(nonsense.read(Array("this is no file of events".utf8)).isEmpty && nonsense.isDamaged)
  }

  @Test(arguments: testSeeds()) func `whatever a record holds, it is read or passed over`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let good = event(
      3, value("loss", simple(0.5)) + value("t", field(8, variable(1 << 3) + variable(1) + field(4, [0, 0, 0, 1]))))
    for _ in 0..<5000 {
      var content = good
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        content[Int.random(in: 0..<content.count, using: &generator)] = UInt8.random(
          in: .min ... .max, using: &generator)
      }
      var reader = EventReader()
      for event in reader.read(record(content)) { #expect(event.time.isFinite && !event.tag.isEmpty) }
      #expect(!reader.isDamaged)
    }
  }
}
