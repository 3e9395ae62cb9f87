import FoundationEssentials
import Glibc

/// Copies a directory with all that is in it as it is now, holes left as holes: what would be found
/// after the process that writes there was killed.
public func copyDirectory(_ source: String, to destination: String) throws {
  let files = FileManager.default
  try files.createDirectory(atPath: destination, withIntermediateDirectories: true)
  for name in try files.contentsOfDirectory(atPath: source) {
    let (from, to) = ("\(source)/\(name)", "\(destination)/\(name)")
    var isDirectory = false
    guard files.fileExists(atPath: from, isDirectory: &isDirectory) else { continue }
    if isDirectory { try copyDirectory(from, to: to) } else { try copyFile(from, to: to) }
  }
}

private func copyFile(_ source: String, to destination: String) throws {
  let input = open(source, O_RDONLY | O_CLOEXEC)
  let output = open(destination, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  defer {
    close(input)
    close(output)
  }
  guard input >= 0, output >= 0 else { throw CocoaError(.fileReadUnknown) }
  let length = lseek(input, 0, SEEK_END)
  guard ftruncate(output, length) == 0 else { throw CocoaError(.fileWriteUnknown) }
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
  defer { buffer.deallocate() }
  // <unistd.h>, hidden behind _GNU_SOURCE.
  let (seekData, seekHole) = (Int32(3), Int32(4))
  var position = lseek(input, 0, seekData)
  while position >= 0 {
    let end = lseek(input, position, seekHole)
    while position < end {
      let count = pread(input, buffer.baseAddress!, min(buffer.count, Int(end - position)), position)
      guard count > 0, pwrite(output, buffer.baseAddress!, count, position) == count else {
        throw CocoaError(.fileWriteUnknown)
      }
      position += count
    }
    position = lseek(input, end, seekData)
  }
}
