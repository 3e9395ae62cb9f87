/// The names and sizes in a zip archive, from the directory at its end; no member is opened.
///
/// Source: APPNOTE.TXT of PKWARE, 4.3.12 to 4.3.16.
struct ZipDirectory {
  struct Member {
    var name: String
    /// Bytes when unpacked, as the directory has it.
    var size: UInt64
  }

  let members: [Member]

  /// - Throws: ``FormatError`` where it is no archive.
  init(_ source: ByteSource) throws {
    // The comment that may follow the end record has up to 65,535 bytes.
    let tailStart = source.size - min(source.size, 65_535 + 22 + 20)
    let tail = try source.bytes(at: tailStart, Int(source.size - tailStart))
    guard tail.count >= 22,
      let end = stride(from: tail.count - 22, through: 0, by: -1).first(where: { Self.has(tail, $0, 0x0605_4B50) })
    else { throw FormatError("it is no zip archive") }
    var count = UInt64(Self.number(tail, end + 10, 2))
    var size = UInt64(Self.number(tail, end + 12, 4))
    var start = UInt64(Self.number(tail, end + 16, 4))
    if count == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF, end >= 20,
      Self.has(tail, end - 20, 0x0706_4B50)
    {
      let record = try source.bytes(at: Self.number(tail, end - 20 + 8, 8), 56)
      guard Self.has(record, 0, 0x0606_4B50) else { throw FormatError("the end of its zip archive is damaged") }
      (count, size, start) = (Self.number(record, 32, 8), Self.number(record, 40, 8), Self.number(record, 48, 8))
    }
    guard count <= 1_000_000, size <= 128 << 20, start <= source.size, size <= source.size - start else {
      throw FormatError("the directory of its zip archive is damaged")
    }
    members = try Self.members(try source.bytes(at: start, Int(size)), count: Int(count))
  }

  private static func members(_ directory: [UInt8], count: Int) throws -> [Member] {
    var members: [Member] = []
    var at = 0
    for _ in 0..<count {
      guard at + 46 <= directory.count, has(directory, at, 0x0201_4B50) else {
        throw FormatError("the directory of its zip archive is damaged")
      }
      let size = number(directory, at + 24, 4)
      let nameLength = Int(number(directory, at + 28, 2))
      let extraLength = Int(number(directory, at + 30, 2))
      let commentLength = Int(number(directory, at + 32, 2))
      let next = at + 46 + nameLength + extraLength + commentLength
      guard next <= directory.count else { throw FormatError("the directory of its zip archive is damaged") }
      let extraStart = at + 46 + nameLength
      members.append(
        Member(
          name: String(decoding: directory[at + 46..<extraStart], as: UTF8.self),
          size: size == 0xFFFF_FFFF ? largeSize(directory[extraStart..<extraStart + extraLength]) ?? size : size))
      at = next
    }
    return members
  }

  /// The size in the extra field of zip64 (4.5.3), where it comes first.
  private static func largeSize(_ extra: ArraySlice<UInt8>) -> UInt64? {
    let extra = Array(extra)
    var at = 0
    while at + 4 <= extra.count {
      let length = Int(number(extra, at + 2, 2))
      if number(extra, at, 2) == 1, length >= 8, at + 12 <= extra.count { return number(extra, at + 4, 8) }
      at += 4 + length
    }
    return nil
  }

  private static func has(_ bytes: [UInt8], _ at: Int, _ signature: UInt32) -> Bool {
    at >= 0 && at + 4 <= bytes.count && number(bytes, at, 4) == UInt64(signature)
  }

  /// A little-endian number within bounds that the caller has checked.
  private static func number(_ bytes: [UInt8], _ at: Int, _ width: Int) -> UInt64 {
    (0..<width).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
  }
}
