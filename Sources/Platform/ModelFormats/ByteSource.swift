import Glibc
import Linux

/// Bytes that can be read at any place: a file, or what a test makes up.
struct ByteSource: Sendable {
  let size: UInt64
  /// Reads up to so many bytes at a place below `size`; fewer only at the end.
  private let read: @Sendable (UInt64, Int) throws -> [UInt8]

  init(_ bytes: [UInt8]) {
    size = UInt64(bytes.count)
    read = { offset, count in Array(bytes[Int(offset)..<min(bytes.count, Int(offset) + count)]) }
  }

  /// A file that stays open as long as this is used.
  init(_ file: ModelFile) {
    size = file.size
    read = { offset, count in try file.read(at: offset, count) }
  }

  /// Exactly `count` bytes.
  /// - Throws: ``FormatError`` where there are fewer.
  func bytes(at offset: UInt64, _ count: Int) throws -> [UInt8] {
    guard count >= 0, offset <= size, UInt64(count) <= size - offset else {
      throw FormatError("it ends before it should, at byte \(size)")
    }
    if count == 0 { return [] }
    let bytes = try read(offset, count)
    guard bytes.count == count else { throw FormatError("it has become shorter while it was read") }
    return bytes
  }

  /// The beginning, up to `count` bytes.
  func prefix(_ count: Int) throws -> [UInt8] { try bytes(at: 0, Int(min(size, UInt64(count)))) }

  /// The whole, if it is no larger than `limit`.
  func text(limit: Int) throws -> String {
    guard size <= UInt64(limit) else { throw FormatError("it has \(size) bytes, more than the \(limit) that are read") }
    guard let text = String(validating: try prefix(limit), as: UTF8.self) else { throw FormatError("it is not UTF-8") }
    return text
  }
}

/// Reads a source from front to back, in pieces of 64 KiB; what is skipped is not read.
struct ByteCursor {
  private let source: ByteSource
  private(set) var position: UInt64
  /// The end of what may be read: of a part of the source, or of all of it.
  private(set) var end: UInt64
  private var window: [UInt8] = []
  private var windowStart: UInt64 = 0

  private static let windowSize = 64 << 10

  init(_ source: ByteSource, from position: UInt64 = 0) {
    self.source = source
    self.position = min(position, source.size)
    end = source.size
  }

  var remaining: UInt64 { end - position }
  var isAtEnd: Bool { position >= end }

  mutating func byte() throws -> UInt8 {
    guard position < end else { throw Self.short }
    if position < windowStart || position >= windowStart + UInt64(window.count) {
      windowStart = position
      window = try source.bytes(at: position, Int(min(UInt64(Self.windowSize), source.size - position)))
    }
    let byte = window[Int(position - windowStart)]
    position += 1
    return byte
  }

  mutating func bytes(_ count: UInt64, limit: Int) throws -> [UInt8] {
    guard count <= remaining else { throw Self.short }
    guard count <= UInt64(limit) else { throw FormatError("it holds a text of \(count) bytes, too long to be one") }
    var result: [UInt8] = []
    result.reserveCapacity(Int(count))
    for _ in 0..<count { result.append(try byte()) }
    return result
  }

  mutating func skip(_ count: UInt64) throws {
    guard count <= remaining else { throw Self.short }
    position += count
  }

  mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws -> Value {
    var value: Value = 0
    for shift in stride(from: 0, to: Value.bitWidth, by: 8) { value |= Value(truncatingIfNeeded: try byte()) << shift }
    return value
  }

  /// Lets the next `count` bytes be all that can be read. Returns what ``leave(to:)`` needs.
  mutating func confine(to count: UInt64) throws -> UInt64 {
    guard count <= remaining else { throw Self.short }
    let outer = end
    end = position + count
    return outer
  }

  /// Goes on after the bytes that it was confined to.
  mutating func leave(to outer: UInt64) {
    position = end
    end = outer
  }

  private static let short = FormatError("it ends in the middle of a value")
}
