extension ScalarEvent {
  /// A tag longer than this is no name that the tracker takes.
  private static let longestTag = 250
  private static let float: UInt64 = 1
  private static let double: UInt64 = 2

  /// The scalars of an `Event`: its time is field 1, its step 2, its summary 5, whose values are field 1.
  static func parse(_ record: ArraySlice<UInt8>) -> [ScalarEvent] {
    var time = 0.0
    var step: Int64 = 0
    var values: [(tag: String, value: Double)] = []
    for field in MessageFields(record) {
      switch (field.number, field.value) {
      case (1, .eight(let bits)): time = Double(bitPattern: bits)
      case (2, .variable(let number)): step = Int64(bitPattern: number)
      case (5, .bytes(let summary)):
        for field in MessageFields(summary) {
          if case (1, .bytes(let value)) = (field.number, field.value), let scalar = scalar(value) {
            values.append(scalar)
          }
        }
      default: break
      }
    }
    guard time.isFinite, time >= 0, time < 1e12 else { return [] }
    return values.map { ScalarEvent(tag: $0.tag, step: step, time: time, value: $0.value) }
  }

  /// A `Summary.Value`: its tag is field 1; its value is field 2, or, from TensorFlow 2 on, a tensor of one number in
  /// field 8. nil: it is something else, such as an image.
  private static func scalar(_ message: ArraySlice<UInt8>) -> (tag: String, value: Double)? {
    var tag = ""
    var value: Double?
    for field in MessageFields(message) {
      switch (field.number, field.value) {
      case (1, .bytes(let text)): tag = String(decoding: text.prefix(4 * longestTag), as: UTF8.self)
      case (2, .four(let bits)): value = Double(Float(bitPattern: bits))
      case (8, .bytes(let tensor)): value = number(tensor)
      default: break
      }
    }
    guard let value, !tag.isEmpty, tag.unicodeScalars.count <= longestTag else { return nil }
    return (tag, value)
  }

  /// The number of a `TensorProto` of one: its type is field 1; the number is in field 4 as raw bytes, in 5 as a float
  /// or in 6 as a double, which may be packed.
  private static func number(_ tensor: ArraySlice<UInt8>) -> Double? {
    var type: UInt64 = 0
    var value: Double?
    for field in MessageFields(tensor) {
      switch (field.number, field.value) {
      case (1, .variable(let number)): type = number
      case (5, .four(let bits)): value = Double(Float(bitPattern: bits))
      case (6, .eight(let bits)): value = Double(bitPattern: bits)
      case (4...6, .bytes(let bytes)) where bytes.count == 4:
        value = Double(Float(bitPattern: UInt32(truncatingIfNeeded: littleEndian(bytes))))
      case (4...6, .bytes(let bytes)) where bytes.count == 8: value = Double(bitPattern: littleEndian(bytes))
      default: break
      }
    }
    return type == float || type == double ? value : nil
  }
}

/// The fields of a protocol-buffer message in memory, up to the first that makes no sense.
///
/// Source: https://protobuf.dev/programming-guides/encoding/
struct MessageFields: Sequence, IteratorProtocol {
  enum Value {
    case variable(UInt64)
    case eight(UInt64)
    case bytes(ArraySlice<UInt8>)
    case four(UInt32)
  }

  private var rest: ArraySlice<UInt8>

  init(_ message: ArraySlice<UInt8>) { rest = message }

  mutating func next() -> (number: UInt64, value: Value)? {
    guard let key = variable() else { return nil }
    switch key & 7 {
    case 0: return variable().map { (key >> 3, .variable($0)) }
    case 1: return taken(8).map { (key >> 3, .eight(littleEndian($0))) }
    case 2:
      guard let length = variable(), length <= rest.count else { return nil }
      return taken(Int(length)).map { (key >> 3, .bytes($0)) }
    case 5: return taken(4).map { (key >> 3, .four(UInt32(truncatingIfNeeded: littleEndian($0)))) }
    default: return nil
    }
  }

  private mutating func taken(_ count: Int) -> ArraySlice<UInt8>? {
    guard rest.count >= count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  private mutating func variable() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
    }
    return nil
  }
}

private func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 {
  bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
}
