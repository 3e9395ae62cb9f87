import Glibc
import Wire

extension ArtifactDirectory {
  /// A directory deeper than this below the one to be removed is moved up before it is emptied, so that
  /// neither the stack nor the open files are a question of how deep a job made its directories.
  private static let maximumDepth = 64
  private static let maximumPasses = 100_000

  /// Removes a file, or a directory with all that is in it. No link is followed.
  public func remove(_ path: [UInt8]) throws {
    let slash = UInt8(ascii: "/")
    let components = path.split(separator: slash).filter { $0 != Array(".".utf8)[...] }
    guard let last = components.last.map(Array.init), last != Array("..".utf8), !path.contains(0) else {
      throw APIError.invalid("\(name(path)) names no artifact that could be removed.", subject: name(path))
    }
    let parent = try open(
      (path.first == slash ? [slash] : []) + components.dropLast().joined(separator: [slash]),
      flags: O_RDONLY | O_DIRECTORY)
    defer { close(parent) }
    if try unlink(last, in: parent, path) { return }
    guard let directory = try openDirectory(last, in: parent, path) else {
      throw APIError.notFound("There is no artifact \(name(path)).", subject: name(path))
    }
    var removal = Removal(top: directory.descriptor)
    for _ in 0..<Self.maximumPasses {
      removal.movedInThisPass = 0
      try empty(directory, depth: 0, &removal, path)
      if removal.movedInThisPass == 0 { break }
      directory.rewind()
    }
    try removeEmpty(last, in: parent, path)
  }

  private struct Removal {
    /// The directory that is removed.
    let top: Int32
    /// Directories that were moved into it: it has to be gone through again.
    var movedInThisPass = 0
    var moved = 0
  }

  private func empty(_ directory: DirectoryStream, depth: Int, _ removal: inout Removal, _ path: [UInt8]) throws {
    while let name = try directory.next() {
      if try unlink(name, in: directory.descriptor, path) { continue }
      if depth == Self.maximumDepth {
        try moveUp(name, from: directory.descriptor, &removal, path)
        continue
      }
      guard let child = try openDirectory(name, in: directory.descriptor, path) else { continue }
      try empty(child, depth: depth + 1, &removal, path)
      try removeEmpty(name, in: directory.descriptor, path)
    }
  }

  /// Returns false where `name` is a directory.
  private func unlink(_ name: [UInt8], in directory: Int32, _ path: [UInt8]) throws -> Bool {
    if withCString(name, { unlinkat(directory, $0, 0) }) == 0 { return true }
    if errno == EISDIR { return false }
    throw removalFailure("unlink", path)
  }

  /// Nil where no directory is there any more: the job is at work.
  private func openDirectory(_ name: [UInt8], in parent: Int32, _ path: [UInt8]) throws -> DirectoryStream? {
    let descriptor = withCString(name) { openat(parent, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
    if descriptor >= 0 { return try DirectoryStream(takingOver: descriptor, root + "/" + self.name(path)) }
    if [ENOENT, ENOTDIR, ELOOP].contains(errno) { return nil }
    throw removalFailure("open", path)
  }

  private func removeEmpty(_ name: [UInt8], in parent: Int32, _ path: [UInt8]) throws {
    if withCString(name, { unlinkat(parent, $0, AT_REMOVEDIR) }) != 0 && errno != ENOENT {
      throw removalFailure("rmdir", path)
    }
  }

  private func moveUp(_ name: [UInt8], from parent: Int32, _ removal: inout Removal, _ path: [UInt8]) throws {
    // A name that is taken already, by a directory that isn't empty, makes the call fail; the next is tried.
    while true {
      removal.moved += 1
      let free = Array(".cairn-removed-\(removal.moved)".utf8)
      if withCString(name, { from in withCString(free) { renameat(parent, from, removal.top, $0) } }) == 0 {
        removal.movedInThisPass += 1
        return
      }
      if errno == ENOENT { return }
      if errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR { throw removalFailure("rename", path) }
    }
  }

  private func removalFailure(_ call: String, _ path: [UInt8]) -> any Error {
    let subject = name(path)
    switch errno {
    case EROFS, EPERM, EACCES:
      return APIError.conflict(
        "\(subject) can't be changed: the artifacts of an ended job are sealed. All of them can be removed, "
          + "with `cairn artifact rm JOB`.", code: "sealed", subject: subject)
    case ENOTEMPTY, EEXIST, EBUSY:
      return APIError.conflict(
        "\(subject) is still written to by the job; stop it, or try again.", code: "busy", subject: subject)
    default: return failure(call, path)
    }
  }
}
