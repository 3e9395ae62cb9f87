import CLinux
import Glibc

/// The Python packages that a container's programs have at hand: of every Python that runs in it.
///
/// Nothing of the container is executed or imported: names of directories are read, which installers have made. All of it
/// may be hostile, so every path is resolved within the container's root, and everything read has a limit.
public struct PythonPackages: Hashable, Sendable {
  public struct Interpreter: Hashable, Sendable {
    /// As the container sees it.
    public let executable: String
    /// In the order in which Python looks there.
    let directories: [String]
    /// By name; of several of one name the one that is found first.
    public let packages: [PythonPackage]
  }

  public let interpreters: [Interpreter]

  static let mostProcesses = 256
  static let mostInterpreters = 8
  static let mostEntries = 10_000
  static let mostBytes = 4 << 20

  /// - Parameter pid: of the container's first process, on the host.
  /// - Returns: nil where no Python runs in it.
  public static func read(container pid: Int32) -> PythonPackages? {
    guard let first = HostProcess(pid: pid) else { return nil }
    var interpreters: [Interpreter] = []
    var seen: Set<PythonStart> = []
    var processes = [first]
    var next = 0
    while next < processes.count, interpreters.count < mostInterpreters {
      let process = processes[next]
      next += 1
      processes += process.children.prefix(max(mostProcesses - processes.count, 0))
      // Workers are started as their master is, and have the same.
      guard let start = start(of: process), seen.insert(start).inserted,
        let interpreter = interpreter(of: process, start), !interpreter.packages.isEmpty,
        !interpreters.contains(interpreter)
      else { continue }
      interpreters.append(interpreter)
    }
    return interpreters.isEmpty ? nil : PythonPackages(interpreters: interpreters)
  }

  /// A requirements file.
  public var text: String {
    interpreters.map { interpreter in
      let executable = String(
        interpreter.executable.unicodeScalars.map { (" "..."~").contains($0) ? Character($0) : "?" })
      return (["# \(executable)"] + interpreter.packages.map(\.requirement)).joined(separator: "\n") + "\n"
    }.joined(separator: "\n")
  }

  private static func start(of process: HostProcess) -> PythonStart? {
    let proc = "/proc/\(process.pid)"
    guard let executable = linkTarget("\(proc)/exe") else { return nil }
    return PythonStart(
      executable: executable, name: process.arguments.first.map(String.init) ?? "",
      workingDirectory: linkTarget("\(proc)/cwd") ?? "/", environment: environment(of: process))
  }

  private static func interpreter(of process: HostProcess, _ start: PythonStart) -> Interpreter? {
    guard let root = ContainerRoot(of: process) else { return nil }
    let loaded = packageDirectories(ofMaps: readFile("/proc/\(process.pid)/maps", limit: mostBytes) ?? "")
    // Another process may have been given the number meanwhile.
    guard process.isAlive else { return nil }
    return root.interpreter(start, loaded: loaded)
  }

  private static func environment(of process: HostProcess) -> [String: String] {
    let wanted = ["PATH", "HOME", "PYTHONPATH", "PYTHONNOUSERSITE"]
    var environment: [String: String] = [:]
    for entry in (readFile("/proc/\(process.pid)/environ", limit: mostBytes) ?? "").split(separator: "\0") {
      let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      // Secrets stand there as well, and are left alone.
      if parts.count == 2, wanted.contains(parts[0]) { environment[parts[0]] = parts[1] }
    }
    return environment
  }

  private static func linkTarget(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink(path, &buffer, buffer.count)
    guard count > 0, count < buffer.count else { return nil }
    let target = String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    return target.hasSuffix(" (deleted)") ? String(target.dropLast(" (deleted)".count)) : target
  }
}

/// What a container sees as `/`. Links in it lead nowhere else.
final class ContainerRoot {
  private static let mostBytes = 64 << 10
  private let descriptor: Int32

  /// nil: the process is gone.
  convenience init?(of process: HostProcess) { self.init(path: "/proc/\(process.pid)/root") }

  init?(path: String) {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { return nil }
  }

  deinit { close(descriptor) }

  /// - Parameter loaded: directories of modules that the process has loaded.
  func interpreter(_ start: PythonStart, loaded: [String]) -> PythonPackages.Interpreter {
    var directories = start.pathDirectories
    var called = start.executable
    let environment = start.calledPaths.lazy.compactMap { path -> (String, String, VirtualEnvironmentFile)? in
      guard self.exists(path) else { return nil }
      let prefix = path.split(separator: "/").dropLast(2).map { "/" + $0 }.joined()
      guard let text = self.text("\(prefix)/pyvenv.cfg") else { return nil }
      return (path, prefix, VirtualEnvironmentFile(parsing: text))
    }.first
    if let (path, prefix, file) = environment {
      called = path
      directories += start.directories(ofEnvironment: prefix, libraries: libraries(prefix))
      if file.seesSystem { directories += start.installedDirectories(libraries: libraries(start.prefix)) }
    } else {
      let libraries = libraries(start.prefix)
      directories += start.userDirectories(libraries: libraries) + start.installedDirectories(libraries: libraries)
    }
    var packages: [String: PythonPackage] = [:]
    var seen: Set<String> = []
    for directory in directories + loaded where seen.insert(directory).inserted {
      for entry in entries(directory) {
        guard let package = PythonPackage(entry: entry), packages[package.name] == nil else { continue }
        packages[package.name] = package
      }
    }
    return PythonPackages.Interpreter(
      executable: called, directories: directories + loaded, packages: packages.values.sorted { $0.name < $1.name })
  }

  /// Pythons' own libraries below a prefix, such as `python3.11`.
  private func libraries(_ prefix: String) -> [String] {
    Array(entries("\(prefix)/lib").filter { $0.hasPrefix("python3.") || $0.hasPrefix("pypy3.") }.sorted().prefix(8))
  }

  private func exists(_ path: String) -> Bool {
    let found = find(path)
    if found >= 0 { close(found) }
    return found >= 0
  }

  /// The first names in a directory; none where there is no such directory.
  private func entries(_ path: String) -> [String] {
    let found = cairn_open_in_root(descriptor, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard found >= 0 else { return [] }
    guard let stream = fdopendir(found) else {
      close(found)
      return []
    }
    defer { closedir(stream) }
    var names: [String] = []
    while names.count < PythonPackages.mostEntries, let entry = readdir(stream) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names
  }

  /// What a small regular file begins with; nil: there is none.
  private func text(_ path: String) -> String? {
    // Opening a FIFO would wait, and a device might do something: so this finds what is there, and opens it then.
    let found = find(path)
    guard found >= 0 else { return nil }
    defer { close(found) }
    var status = stat()
    guard fstat(found, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    let file = open("/proc/self/fd/\(found)", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: Self.mostBytes)
    let count = read(file, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
  }

  private func find(_ path: String) -> Int32 { cairn_open_in_root(descriptor, path, pathOnly | O_CLOEXEC) }
}

/// O_PATH, which Glibc's module does not show; the value is the kernel's.
private let pathOnly: Int32 = 0o10000000
