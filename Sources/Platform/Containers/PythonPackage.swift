/// A Python package that is installed somewhere.
public struct PythonPackage: Hashable, Sendable {
  /// As PEP 503 normalises it, so that one package has one name.
  public let name: String
  /// nil: not known, as of some that are worked on where they lie.
  public let version: String?

  private static let mostBytes = 200

  /// Reads what an installer has called a package's directory or file: `numpy-2.1.0.dist-info`,
  /// `PyYAML-6.0-py3.11.egg-info`. nil: it is none of these, or not as it has to be. Whoever made it may be hostile.
  init?(entry: String) {
    guard entry.utf8.count <= Self.mostBytes else { return nil }
    let stem: Substring
    if entry.hasSuffix(".dist-info") {
      stem = entry.dropLast(".dist-info".count)
    } else if entry.hasSuffix(".egg-info") {
      stem = entry.dropLast(".egg-info".count)
    } else {
      return nil
    }
    let parts = stem.split(separator: "-", omittingEmptySubsequences: false)
    // `~umpy` is what pip leaves of a package that it could not remove.
    guard let name = parts.first, Self.isName(name) else { return nil }
    let version = parts.count > 1 ? parts[1] : nil
    if let version, !Self.isVersion(version) { return nil }
    self.name = Self.normalised(name)
    self.version = version.map(String.init)
  }

  /// As a line of a requirements file.
  public var requirement: String { version.map { "\(name)==\($0)" } ?? name }

  private static func isName(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last else { return false }
    return isLetterOrDigit(first) && isLetterOrDigit(last)
      && text.utf8.allSatisfy { isLetterOrDigit($0) || [UInt8(ascii: "."), UInt8(ascii: "_")].contains($0) }
  }

  private static func isVersion(_ text: Substring) -> Bool {
    guard let first = text.utf8.first else { return false }
    return isLetterOrDigit(first)
      && text.utf8.allSatisfy { isLetterOrDigit($0) || Array(".+!_~".utf8).contains($0) }
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 32)
  }

  private static func normalised(_ name: Substring) -> String {
    name.split { $0 == "." || $0 == "_" }.joined(separator: "-").lowercased()
  }
}

/// Where a running Python was started, and how: what its packages are found by, as Python itself does.
struct PythonStart: Hashable {
  /// Of the program that runs, with its links resolved, such as `/usr/bin/python3.11`.
  var executable: String
  /// The first word of the command line.
  var name: String
  var workingDirectory: String
  var environment: [String: String]

  /// nil: it is no Python.
  init?(executable: String, name: String, workingDirectory: String, environment: [String: String]) {
    let program = executable.split(separator: "/").last ?? ""
    guard ["python", "pypy"].contains(where: program.hasPrefix),
      program.drop(while: \.isLetter).allSatisfy({ $0.isNumber || $0 == "." || $0 == "t" || $0 == "d" })
    else { return nil }
    (self.executable, self.name) = (executable, name)
    (self.workingDirectory, self.environment) = (workingDirectory, environment)
  }

  /// Where the program may lie that was called, before links are followed: a virtual environment is known by that.
  var calledPaths: [String] {
    if name.hasPrefix("/") { return [name] }
    if name.contains("/") { return ["\(workingDirectory)/\(name)"] }
    return (environment["PATH"] ?? "").split(separator: ":").prefix(64).map { "\($0)/\(name)" }
  }

  /// Such as `3.11`; nil: the program's name does not say.
  private var version: String? {
    let digits = (executable.split(separator: "/").last ?? "").drop { !$0.isNumber }
    return digits.contains(".") ? String(digits) : nil
  }

  /// Where packages are in a virtual environment.
  func directories(ofEnvironment prefix: String, libraries: [String]) -> [String] {
    (version.map { ["python\($0)"] } ?? libraries).map { "\(prefix)/lib/\($0)/site-packages" }
  }

  /// The directory that Python is installed in, such as `/usr`.
  var prefix: String { executable.split(separator: "/").dropLast(2).map { "/" + $0 }.joined() }

  /// Where packages are that everybody has who runs this Python: pip's, and those of the distribution.
  func installedDirectories(libraries: [String]) -> [String] {
    (version.map { ["python\($0)"] } ?? libraries).flatMap { library in
      [
        "\(prefix)/local/lib/\(library)/dist-packages", "\(prefix)/lib/\(library)/site-packages",
        "\(prefix)/lib/\(library)/dist-packages",
      ]
    } + ["\(prefix)/lib/python3/dist-packages"]
  }

  /// Where packages are that the user has installed for themselves.
  func userDirectories(libraries: [String]) -> [String] {
    guard environment["PYTHONNOUSERSITE"] ?? "" == "", let home = environment["HOME"], home.hasPrefix("/") else {
      return []
    }
    return (version.map { ["python\($0)"] } ?? libraries).map { "\(home)/.local/lib/\($0)/site-packages" }
  }

  /// Where the environment says that modules are.
  var pathDirectories: [String] {
    (environment["PYTHONPATH"] ?? "").split(separator: ":").prefix(16).map {
      $0.hasPrefix("/") ? String($0) : "\(workingDirectory)/\($0)"
    }
  }
}

/// The file that makes a directory a virtual environment.
struct VirtualEnvironmentFile: Hashable {
  /// Whether what is installed outside of it is found, too.
  let seesSystem: Bool

  init(parsing text: String) {
    seesSystem = text.split(separator: "\n").contains { line in
      let parts = line.split(separator: "=", maxSplits: 1).map { $0.trimmed.lowercased() }
      return parts == ["include-system-site-packages", "true"]
    }
  }
}

/// The directories below which extension modules lie that a process has loaded: of those that Python was pointed to by
/// the program itself, nothing else tells.
/// - Parameter maps: as /proc has them.
func packageDirectories(ofMaps maps: String) -> [String] {
  var found: [String] = []
  for line in maps.split(separator: "\n") {
    guard line.hasSuffix(".so"), let start = line.firstIndex(of: "/") else { continue }
    let path = line[start...]
    for name in ["/site-packages/", "/dist-packages/"] {
      guard let range = path.firstRange(of: name) else { continue }
      let directory = String(path[..<range.upperBound].dropLast())
      if !found.contains(directory) { found.append(directory) }
      break
    }
    if found.count == 16 { break }
  }
  return found
}
