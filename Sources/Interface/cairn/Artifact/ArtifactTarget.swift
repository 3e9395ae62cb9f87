import API
import FoundationEssentials
import Glibc
import Linux
import Workspace

/// Where `cairn artifact get` writes to. The daemon's list of names is checked before it is believed:
/// nothing is written outside the destination.
struct ArtifactTarget {
  private let root: String
  /// Bytes cut off the front of an artifact's path.
  private let prefix: Int
  /// Of a single file: the name that it gets.
  private let singleName: [UInt8]?

  init(destination: String, source: [UInt8], isFile: Bool) {
    var status = stat()
    let isDirectory = stat(destination, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    if isFile && !isDirectory {
      let slash = destination.lastIndex(of: "/")
      root = slash.map { $0 == destination.startIndex ? "/" : String(destination[..<$0]) } ?? "."
      singleName = Array(destination[(slash.map { destination.index(after: $0) } ?? destination.startIndex)...].utf8)
      prefix = 0
    } else if isFile {
      root = destination
      singleName = Array(source[((source.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1)...])
      prefix = 0
    } else {
      root = destination
      singleName = nil
      prefix = source.isEmpty ? 0 : source.count + 1
    }
  }

  /// Makes the place for an entry. Returns a writer for a file, nil for everything else.
  func begin(_ entry: ArtifactEntry) async throws -> FileWriter? {
    let path = singleName ?? Array(entry.pathBytes.dropFirst(prefix))
    if path.isEmpty { return nil }
    let components = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    if components.contains(where: { $0.isEmpty || $0.elementsEqual(Array("..".utf8)) || $0.contains(0) }) {
      throw SystemError("write", printable(path), EINVAL)
    }
    let directory = try openParent(components.dropLast())
    let name = components[components.count - 1] + [0]
    switch entry.kind {
    case .directory:
      defer { close(directory) }
      if mkdirat(directory, cString(name), mode_t(entry.mode & 0o777) | 0o700) != 0 && errno != EEXIST {
        throw SystemError("mkdir", printable(path))
      }
    case .symbolicLink:
      defer { close(directory) }
      unlinkat(directory, cString(name), 0)
      if symlinkat(cString(Array(entry.target ?? .init()) + [0]), directory, cString(name)) != 0 {
        throw SystemError("symlink", printable(path))
      }
    case .file: return try FileWriter(directory: directory, name: Array(name), path: printable(path), mode: entry.mode)
    case .other:
      close(directory)
      Terminal.complain("cairn: left out \(printable(path)): neither file, directory nor link")
    }
    return nil
  }

  /// Walks down from the root, making directories on the way; a link in their place is an error, since
  /// it could lead out.
  private func openParent(_ components: some Sequence<ArraySlice<UInt8>>) throws -> Int32 {
    mkdir(root, 0o755)
    var directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if directory < 0 { throw SystemError("open", root) }
    for component in components {
      let name = cString(component + [0])
      mkdirat(directory, name, 0o755)
      let next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      let error = SystemError("open", printable(component))
      close(directory)
      if next < 0 { throw error }
      directory = next
    }
    return directory
  }
}

private func cString(_ bytes: some Sequence<UInt8>) -> [CChar] { bytes.map { CChar(bitPattern: $0) } }

/// Writes a file beside its place and renames it there when it is whole.
struct FileWriter {
  private let directory: Int32
  private let descriptor: Int32
  private let name: [CChar]
  private let temporary: [CChar]
  private let path: String

  /// Takes the directory's descriptor over. `name` ends with 0.
  init(directory: Int32, name: [UInt8], path: String, mode: UInt32) throws {
    self.directory = directory
    self.name = cString(name)
    self.path = path
    temporary = cString(Array(".cairn-\(getpid()).part".utf8) + [0])
    descriptor = openat(
      directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode_t(mode & 0o777) | 0o200)
    if descriptor < 0 {
      let error = SystemError("open", path)
      close(directory)
      throw error
    }
  }

  func write(_ bytes: [UInt8]) async throws {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
      if count < 0 {
        if errno == EINTR { continue }
        let error = SystemError("write", path)
        unlinkat(directory, temporary, 0)
        throw error
      }
      done += count
    }
  }

  /// Leaves nothing behind.
  func discard() {
    close(descriptor)
    unlinkat(directory, temporary, 0)
    close(directory)
  }

  func finish() async throws {
    defer { close(directory) }
    if close(descriptor) != 0 { throw SystemError("close", path) }
    if renameat(directory, temporary, directory, name) != 0 { throw SystemError("rename", path) }
  }
}
