import FoundationEssentials
import Glibc
import Linux

/// A directory that only this user can enter.
struct TemporaryDirectory {
  let path: String

  init(prefix: String) throws {
    var template = Array("/tmp/\(prefix).XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", "/tmp") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
