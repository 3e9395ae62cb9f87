/// A mount of this host, from /proc/self/mountinfo; see proc(5).
struct MountEntry: Hashable, Sendable {
  let mountPoint: String
  let fileSystem: String

  /// Parses a whole table. Lines of another form are passed over.
  static func parse(_ text: String) -> [MountEntry] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      // A dash ends a list of optional fields of any length.
      guard let dash = fields.firstIndex(of: "-"), dash >= 6, dash + 1 < fields.count else { return nil }
      return MountEntry(mountPoint: unescape(fields[4]), fileSystem: String(fields[dash + 1]))
    }
  }

  /// Space, tab, line feed and backslash are written as a backslash and three octal digits.
  private static func unescape(_ field: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = field.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
