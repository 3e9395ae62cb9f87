import Linux

/// A scalar that a program wrote for TensorBoard.
public struct ScalarEvent: Hashable, Sendable {
  public let tag: String
  public let step: Int64
  /// Seconds since 1970.
  public let time: Double
  public let value: Double

  public init(tag: String, step: Int64, time: Double, value: Double) {
    self.tag = tag
    self.step = step
    self.time = time
    self.value = value
  }
}

/// Reads a file of events as it grows: bytes go in as they come, scalars come out. Everything else in the file, such as
/// images and graphs, is passed over. The bytes may be anything.
///
/// Format: TFRecord (`tensorflow/core/lib/io/record_writer.h`): a length of 8 bytes, its checksum, as many bytes, their
/// checksum; each record an `Event` (`tensorflow/core/util/event.proto`).
public struct EventReader: Sendable {
  /// Larger records hold no scalars; they are passed over without being kept.
  private static let mostKept = 1 << 20
  private static let headBytes = 12
  private static let endBytes = 4

  private var buffer: [UInt8] = []
  /// Bytes of a large record that are still to come.
  private var toSkip: UInt64 = 0
  /// Whether what came is no file of events, or is damaged: nothing more is read then.
  public private(set) var isDamaged = false

  public init() {}

  /// The scalars that are complete with these bytes.
  public mutating func read(_ bytes: [UInt8]) -> [ScalarEvent] {
    var rest = bytes[...]
    if toSkip > 0 {
      let count = Int(min(toSkip, UInt64(rest.count)))
      rest = rest.dropFirst(count)
      toSkip -= UInt64(count)
    }
    guard !isDamaged, !rest.isEmpty else { return [] }
    buffer += rest
    var events: [ScalarEvent] = []
    var position = 0
    while !isDamaged, toSkip == 0, let end = record(at: position) {
      events += ScalarEvent.parse(buffer[(position + Self.headBytes)..<(end - Self.endBytes)])
      position = end
    }
    // A record that is passed over has taken all there is.
    if isDamaged || toSkip > 0 { buffer = [] } else { buffer.removeFirst(position) }
    return events
  }

  /// The end of the record at `position`, if all of it is here.
  private mutating func record(at position: Int) -> Int? {
    let left = buffer.count - position
    guard left >= Self.headBytes else { return nil }
    let length = number(at: position, UInt64.self)
    guard number(at: position + 8, UInt32.self) == Self.checksum(buffer[position..<(position + 8)]), length < 1 << 40
    else {
      isDamaged = true
      return nil
    }
    let whole = UInt64(Self.headBytes + Self.endBytes) + length
    if length > Self.mostKept {
      guard UInt64(left) >= whole else {
        toSkip = whole - UInt64(left)
        return nil
      }
    }
    guard UInt64(left) >= whole else { return nil }
    let end = position + Int(whole)
    guard number(at: end - 4, UInt32.self) == Self.checksum(buffer[(position + Self.headBytes)..<(end - 4)]) else {
      isDamaged = true
      return nil
    }
    return end
  }

  private func number<Number: FixedWidthInteger>(at position: Int, _ type: Number.Type) -> Number {
    buffer.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: type)) }
  }

  /// A CRC-32C, turned and moved, as TensorFlow writes it, so that a checksum of checksums is no trap.
  static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    let sum = bytes.withUnsafeBytes { crc32c($0) }
    return (sum >> 15 | sum << 17) &+ 0xA282_EAD8
  }
}
