import CLinux
import Glibc
import Linux
import Wire

extension ArtifactDirectory {
  /// The most directories that are made for one file.
  private static let maximumNewDirectories = 64

  /// Writes a file, and the directories it lies in, from pieces as they come. It takes the place of what is there only
  /// when it is whole. No link is followed out of the directory.
  public func write(_ path: [UInt8], _ pieces: some AsyncSequence<[UInt8], any Error>) async throws {
    let slash = UInt8(ascii: "/")
    let components = path.split(separator: slash)
    guard let last = components.last.map(Array.init), last != Array(".".utf8), last != Array("..".utf8) else {
      throw APIError.invalid("\(name(path)) names no file that could be written.", subject: name(path))
    }
    let parent = Array(components.dropLast().joined(separator: [slash]))
    let directory = try await offPool { OpenDirectory(try openMaking(parent), last) }
    do {
      try await offPool { try check(directory.create(), path) }
      for try await piece in pieces { try await offPool { try check(directory.append(piece), path) } }
      try await offPool { try check(directory.place(), path) }
    } catch {
      directory.discard()
      throw error
    }
  }

  private func check(_ code: Int32, _ path: [UInt8]) throws {
    guard code != 0 else { return }
    errno = code
    switch code {
    case EROFS, EPERM, EACCES:
      throw APIError.conflict(
        "\(name(path)) can't be written: the artifacts of an ended job are sealed.", code: "sealed",
        subject: name(path))
    case ENOSPC, EDQUOT:
      throw APIError(
        status: 507, code: "no_space", message: "\(name(path)) can't be written: no space is left for it.",
        subject: name(path))
    case EISDIR, ENOTEMPTY, EEXIST:
      throw APIError.invalid("\(name(path)) is a directory.", subject: name(path))
    default: throw failure("write", path)
    }
  }

  /// Opens a directory below, and makes what is missing of its path.
  private func openMaking(_ path: [UInt8]) throws -> Int32 {
    for _ in 0..<Self.maximumNewDirectories {
      do {
        return try open(path, flags: O_RDONLY | O_DIRECTORY)
      } catch let error as APIError where error.status == 404 {
        try makeFirstMissing(of: path)
      }
    }
    throw APIError.invalid("\(name(path)) lies too deep.", subject: name(path))
  }

  private func makeFirstMissing(of path: [UInt8]) throws {
    var above: [UInt8] = []
    for component in path.split(separator: UInt8(ascii: "/")) {
      let directory = try open(above, flags: O_RDONLY | O_DIRECTORY)
      defer { close(directory) }
      // Writable for the job's user, whoever that is, as the job's artifacts themselves are.
      let code = withCString(Array(component)) { mkdirat(directory, $0, 0o777) }
      if code == 0 {
        _ = withCString(Array(component)) { fchmodat(directory, $0, 0o777, 0) }
        return
      }
      if errno != EEXIST { try check(errno, path) }
      above += (above.isEmpty ? [] : [UInt8(ascii: "/")]) + component
    }
    throw APIError.invalid("\(name(path)) can't be made a directory.", subject: name(path))
  }
}

/// An open directory, and a file in it that is not whole yet. For one task at a time.
private final class OpenDirectory: Sendable {
  private let directory: Int32
  private let file: Int32
  private let name: [UInt8]
  private let temporary: [UInt8]
  private let failure: Int32

  /// Takes the directory over.
  init(_ directory: Int32, _ name: [UInt8]) {
    self.directory = directory
    self.name = name
    let suffix = randomBytes(8).map { String($0, radix: 16) }.joined()
    temporary = Array(".cairn-upload-\(suffix)".utf8)
    file = withCString(temporary) { openat(directory, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666) }
    failure = file < 0 ? errno : 0
  }

  deinit {
    close(directory)
    if file >= 0 { close(file) }
  }

  // Each returns 0 or the error's number.

  func create() -> Int32 { failure }

  func append(_ bytes: [UInt8]) -> Int32 {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + done, $0.count - done) }
      if count < 0 && errno != EINTR { return errno }
      done += max(count, 0)
    }
    return 0
  }

  func place() -> Int32 {
    _ = fchmod(file, 0o666)
    let code = withCString(temporary) { from in withCString(name) { renameat(directory, from, directory, $0) } }
    return code == 0 ? 0 : errno
  }

  func discard() { _ = withCString(temporary) { unlinkat(directory, $0, 0) } }
}
