import Glibc
import Linux

/// The mounts that this process sees, from `/proc/self/mountinfo` (proc(5)).
struct MountTable {
  struct Entry: Equatable {
    /// `major:minor` of the file system.
    var device: String
    var mountPoint: [UInt8]
    /// Such as `fuse.cairn`.
    var type: String
    var source: String
  }

  let entries: [Entry]

  /// Parses the text of a mountinfo file. Lines that are none are left out.
  init(_ text: [UInt8]) {
    entries = text.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " "))
      // After 6 fixed fields come optional ones, and a lone dash ends them.
      guard fields.count >= 10, let dash = fields[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
        fields.count > dash + 2
      else { return nil }
      return Entry(
        device: String(decoding: fields[2], as: UTF8.self), mountPoint: MountTable.unescape(fields[4]),
        type: String(decoding: fields[dash + 1], as: UTF8.self),
        source: String(decoding: fields[dash + 2], as: UTF8.self))
    }
  }

  static func current() throws(FuseError) -> MountTable {
    let path = "/proc/self/mountinfo"
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FuseError(.refused, "\(SystemError("open", path)): is /proc mounted?") }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 { throw FuseError(.refused, "\(SystemError("read", path))") }
      if count == 0 { return MountTable(text) }
      text.append(contentsOf: buffer[..<count])
    }
  }

  /// What is mounted at `path` on top of whatever else is.
  func top(at path: String) -> Entry? {
    let wanted = Array(path.utf8)
    return entries.last { $0.mountPoint == wanted }
  }

  /// Space, tab, newline and backslash are written as a backslash and three octal digits.
  private static func unescape(_ field: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }) {
        result.append(digits.reduce(0) { $0 << 3 | ($1 - 0x30) })
        rest = rest.dropFirst(3)
      } else {
        result.append(byte)
      }
    }
    return result
  }
}
