import CLinux
import Glibc
import Linux

/// The files of a model, found below one directory. All methods block.
///
/// Whoever made the model chose the names; no name and no link leads out of the directory.
public final class ModelFiles: Sendable {
  public struct Entry: Hashable, Sendable {
    /// Relative to the directory, components separated by `/`.
    public let path: String
    /// Bytes; of a link those of the file that it leads to.
    public let size: UInt64
  }

  /// Regular files and links to them, in the order of their paths' bytes.
  public let entries: [Entry]
  /// Names that are not UTF-8, devices and the like, and links that lead nowhere or out.
  public let leftOut: [String]
  private let descriptor: Int32

  /// Lists the directory at `path`; or, where a file is there, that file alone.
  /// - Throws: `SystemError`; ``FormatError`` where there are more files than ``Bounds`` allow.
  public init(at path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else { throw SystemError("stat", path) }
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let directory = isDirectory ? path : parent
    descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError("open", directory) }
    do {
      if isDirectory {
        (entries, leftOut) = try Self.walk(descriptor)
      } else {
        let name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
        (entries, leftOut) = ([Entry(path: name, size: UInt64(max(0, status.st_size)))], [])
      }
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  public var totalBytes: UInt64 { entries.reduce(0) { saturatingSum($0, $1.size) } }

  func open(_ path: String) throws -> ModelFile { try ModelFile(path, below: descriptor) }

  func source(_ path: String) throws -> ByteSource { ByteSource(try open(path)) }

  /// Calls `body` with the content of a file, piece by piece.
  public func read(_ path: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let file = try open(path)
    var offset: UInt64 = 0
    while offset < file.size {
      let piece = try file.read(at: offset, Int(min(1 << 20, file.size - offset)))
      guard !piece.isEmpty else { throw FormatError("\(path) has become shorter while it was read") }
      try piece.withUnsafeBytes(body)
      offset += UInt64(piece.count)
    }
  }

  private static func walk(_ root: Int32) throws -> ([Entry], [String]) {
    var entries: [Entry] = []
    var leftOut: [String] = []
    var pathBytes = 0
    // A list of its own, not recursion: whoever made the directories chose how deep they are.
    var waiting = [""]
    while let directory = waiting.popLast() {
      for name in try names(in: directory, root) {
        guard let name else {
          leftOut.append(directory + "/?")
          continue
        }
        let path = directory.isEmpty ? name : directory + "/" + name
        pathBytes += path.utf8.count
        guard entries.count + waiting.count + leftOut.count < Bounds.files, pathBytes < Bounds.pathBytes else {
          throw FormatError("there are more files in it than a model can have, which is \(Bounds.files)")
        }
        var status = stat()
        guard fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw SystemError("stat", path) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: entries.append(Entry(path: path, size: UInt64(max(0, status.st_size))))
        case S_IFDIR:
          guard path.utf8.count(where: { $0 == UInt8(ascii: "/") }) < Bounds.depth else {
            throw FormatError("its directories are nested deeper than \(Bounds.depth)")
          }
          waiting.append(path)
        case S_IFLNK:
          if let file = try? ModelFile(path, below: root) {
            entries.append(Entry(path: path, size: file.size))
          } else {
            leftOut.append(path)
          }
        default: leftOut.append(path)
        }
      }
    }
    entries.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    return (entries, leftOut.sorted())
  }

  /// nil for a name that is not UTF-8.
  private static func names(in directory: String, _ root: Int32) throws -> [String?] {
    let descriptor = cairn_open_beneath(
      root, directory.isEmpty ? "." : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 1)
    guard descriptor >= 0 else { throw SystemError("open", directory) }
    guard let stream = fdopendir(descriptor) else {
      let error = SystemError("fdopendir", directory)
      close(descriptor)
      throw error
    }
    defer { closedir(stream) }
    var names: [String?] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw SystemError("readdir", directory) }
        return names
      }
      // The record is as long as its name, not as long as the type says.
      let name = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
      let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name.assumingMemoryBound(to: CChar.self)))
      if bytes.elementsEqual(".".utf8) || bytes.elementsEqual("..".utf8) { continue }
      guard names.count < Bounds.files else { throw FormatError("there are too many files in it") }
      names.append(String(validating: bytes, as: UTF8.self))
    }
  }
}
