/// A file, directory or link of a workspace, as the walk found it. Names are bytes.
public struct WorkspaceEntry: Sendable, Equatable {
  public enum Content: Sendable, Equatable {
    case directory
    case file
    case symbolicLink(target: [UInt8])
    /// Another name of the file that the walk met first at `to`.
    case hardLink(to: [UInt8])
  }

  /// Relative to the workspace's top, without a leading slash; empty for the top itself.
  public var path: [UInt8]
  public var content: Content
  public var stamp: FileStamp
  /// Permission bits.
  public var mode: UInt32
}

/// What changes whenever a file's content does, short of someone setting the clock back: the same
/// stamp means the same bytes.
public struct FileStamp: Sendable, Equatable {
  public var device: UInt64
  public var inode: UInt64
  public var size: UInt64
  /// Nanoseconds since 1970.
  public var modified: Int64
  /// Nanoseconds since 1970; programs cannot set it, so it gives away what `touch -d` hides.
  public var changed: Int64
}

/// Something that a workspace cannot hold, and was left out.
public struct SkippedFile: Sendable, Equatable {
  public var path: [UInt8]
  /// What it is: `socket`, `FIFO` or `device`.
  public var kind: String
}

/// Why a directory could not be taken as a workspace.
public enum WorkspaceError: Error, CustomStringConvertible, Sendable, Equatable {
  /// A call on a file failed; `code` is its `errno` as a sentence.
  case unreadable(path: [UInt8], call: String, reason: String)
  case notADirectory(path: String)
  case keepsChanging(path: [UInt8])

  public var description: String {
    switch self {
    case .unreadable(let path, let call, let reason):
      "cannot read \(printable(path)): \(call): \(reason); make it readable, "
        + "or leave it out with a line in .cairnignore"
    case .notADirectory(let path):
      "\(path) is not a directory; give a project's directory with --workspace, or --workspace none"
    case .keepsChanging(let path):
      "\(printable(path)) keeps changing while it is read; stop what writes it, "
        + "or leave it out with a line in .cairnignore"
    }
  }
}

/// A name for people: what is not printable UTF-8 is shown as `\xNN`.
public func printable(_ name: some Collection<UInt8>) -> String {
  let bytes = Array(name)
  if let text = String(validating: bytes, as: UTF8.self),
    text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
  {
    return text
  }
  let digits = Array("0123456789abcdef")
  return bytes.map { byte in
    (0x20..<0x7F).contains(byte)
      ? String(UnicodeScalar(byte)) : "\\x\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
  }.joined()
}
