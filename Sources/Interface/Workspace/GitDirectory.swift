import FoundationEssentials
public import JobStates

/// Finds the commit that is checked out where somebody works, from git's own files (gitrepository-layout(5)): git need
/// not be installed, and nothing that a repository configures is run.
public enum GitDirectory {
  /// More than any of these files has.
  private static let mostBytes = 4 << 20

  /// nil: `directory` is in no repository, in one without a commit, or in one of a kind that is not understood.
  public static func commit(in directory: String) -> GitCommit? {
    guard let git = find(from: directory), let head = text("\(git)/HEAD").map(trimmed) else { return nil }
    // Of a worktree, what all of them share lies elsewhere.
    let common = text("\(git)/commondir").map { path(trimmed($0), below: git) } ?? git
    let repository = text("\(common)/config").flatMap(origin)
    guard let reference = head.dropping(prefix: "ref: ") else {
      return isCommit(head) ? GitCommit(commit: head, repository: repository) : nil
    }
    guard reference.hasPrefix("refs/"), !reference.split(separator: "/").contains("..") else { return nil }
    let commit = [git, common].lazy.compactMap { text("\($0)/\(reference)").map(trimmed) }.first
    guard let commit = commit ?? text("\(common)/packed-refs").flatMap({ packed(reference, $0) }), isCommit(commit)
    else { return nil }
    return GitCommit(commit: commit, branch: reference.dropping(prefix: "refs/heads/"), repository: repository)
  }

  /// The directory `.git` of this directory or of one above, or where a file of that name says that it is.
  private static func find(from directory: String) -> String? {
    var directory = directory
    while true {
      let git = directory + "/.git"
      var isDirectory = false
      if FileManager.default.fileExists(atPath: git, isDirectory: &isDirectory) {
        if isDirectory { return git }
        return text(git).map(trimmed)?.dropping(prefix: "gitdir: ").map { path($0, below: directory) }
      }
      guard let slash = directory.lastIndex(of: "/"), directory != "/" else { return nil }
      directory = slash == directory.startIndex ? "/" : String(directory[..<slash])
      if directory == "/" { return FileManager.default.fileExists(atPath: "/.git") ? "/.git" : nil }
    }
  }

  /// The line of a reference in `packed-refs`.
  private static func packed(_ reference: String, _ text: String) -> String? {
    for line in text.split(separator: "\n") where line.hasSuffix(" " + reference) {
      return line.split(separator: " ").first.map(String.init)
    }
    return nil
  }

  /// The address of the remote repository `origin` in a configuration.
  static func origin(_ configuration: String) -> String? {
    var isOrigin = false
    for line in configuration.split(separator: "\n").map({ trimmed(String($0)) }) {
      if line.hasPrefix("[") {
        isOrigin = line == "[remote \"origin\"]"
      } else if isOrigin, let value = line.dropping(prefix: "url") {
        let parts = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, trimmed(String(parts[0])).isEmpty else { continue }
        return withoutPassword(trimmed(String(parts[1])))
      }
    }
    return nil
  }

  /// An address may have a user and a password before the host, and what is recorded is read by others.
  private static func withoutPassword(_ address: String) -> String {
    guard let scheme = address.firstRange(of: "://") else { return address }
    let rest = address[scheme.upperBound...]
    let authority = rest.prefix { $0 != "/" }
    guard let at = authority.lastIndex(of: "@") else { return address }
    return String(address[..<scheme.upperBound] + rest[rest.index(after: at)...])
  }

  private static func isCommit(_ text: String) -> Bool {
    [40, 64].contains(text.utf8.count) && text.allSatisfy(\.isHexDigit)
  }

  private static func path(_ path: String, below directory: String) -> String {
    path.hasPrefix("/") ? path : "\(directory)/\(path)"
  }

  private static func text(_ path: String) -> String? {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
      attributes[.type] as? FileAttributeType == .typeRegular, let size = attributes[.size] as? UInt64,
      size <= mostBytes, let data = FileManager.default.contents(atPath: path)
    else { return nil }
    return String(validating: data, as: UTF8.self)
  }

  private static func trimmed(_ text: String) -> String {
    var rest = text[...].drop(while: \.isWhitespace)
    while rest.last?.isWhitespace ?? false { rest.removeLast() }
    return String(rest)
  }
}

extension String {
  fileprivate func dropping(prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }
}
