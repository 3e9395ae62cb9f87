/// The ignore files from a tree's top down to one directory, as git reads them: the last line that
/// matches decides, and a deeper file has the last word over those above it. A value: each directory
/// of a walk extends its parent's rules by its own file.
public struct IgnoreRules: Sendable {
  private struct File: Sendable {
    /// Bytes of the path up to the directory that the file lies in, with the slash; 0 at the top.
    var prefixLength: Int
    var patterns: [IgnorePattern]
  }

  private var files: [File] = []

  public init() {}

  /// These rules and those of the ignore file `content` in `directory`, a path relative to the top
  /// without a slash at its end; empty for the top itself.
  public func adding(_ content: [UInt8], in directory: [UInt8]) -> IgnoreRules {
    var content = content[...]
    // A byte order mark, which some editors put in front.
    if content.starts(with: [0xEF, 0xBB, 0xBF]) { content = content.dropFirst(3) }
    let patterns = content.split(separator: UInt8(ascii: "\n")).compactMap { IgnorePattern(line: $0) }
    if patterns.isEmpty { return self }
    var extended = self
    extended.files.append(File(prefixLength: directory.isEmpty ? 0 : directory.count + 1, patterns: patterns))
    return extended
  }

  /// Whether `path`, relative to the top, is left out. The directories above it must have been asked
  /// for before and taken in: nothing inside a directory that is left out can be taken in again.
  public func ignores(_ path: [UInt8], isDirectory: Bool) -> Bool {
    for file in files.reversed() {
      let relative = path[file.prefixLength...]
      for pattern in file.patterns.reversed() where pattern.matches(relative, isDirectory: isDirectory) {
        return !pattern.isNegated
      }
    }
    return false
  }
}
