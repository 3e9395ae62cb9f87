import Glibc

/// The storage daemon, started by this program. What it logs goes to standard error.
struct Daemon {
  let id: pid_t

  static func start(configuration: String) throws -> Daemon {
    var id = pid_t()
    let words: [String] = ["cairnfsd", "--config", configuration]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    // Nothing but the daemon's own words may stand among the figures.
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let code = posix_spawnp(&id, "cairnfsd", &actions, nil, &arguments, environ)
    guard code == 0 else { fail("start cairnfsd: \(String(cString: strerror(code)))") }
    return Daemon(id: id)
  }

  var isRunning: Bool {
    var status: Int32 = 0
    return waitpid(id, &status, WNOHANG) == 0
  }

  /// Unmounts, and waits for the end.
  func stop() {
    kill(id, SIGTERM)
    var status: Int32 = 0
    while waitpid(id, &status, 0) < 0 && errno == EINTR {}
  }
}

/// What the kernel says of a process in /proc.
struct Process {
  let id: pid_t

  /// Memory that it holds.
  var residentBytes: Int { 1024 * (number("VmRSS", in: "/proc/\(id)/status")) }

  /// The most it has held.
  var peakBytes: Int { 1024 * (number("VmHWM", in: "/proc/\(id)/status")) }

  /// How often its threads have been woken after they waited.
  var wakeUps: Int {
    guard let tasks = opendir("/proc/\(id)/task") else { fail("process \(id) is gone") }
    defer { closedir(tasks) }
    var sum = 0
    while let entry = readdir(tasks) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if Int(name) != nil { sum += number("voluntary_ctxt_switches", in: "/proc/\(id)/task/\(name)/status") }
    }
    return sum
  }

  /// The number of a line `name: number`.
  private func number(_ name: String, in path: String) -> Int {
    guard let file = fopen(path, "r") else { fail("read \(path): \(String(cString: strerror(errno)))") }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
      guard text.hasPrefix(name + ":") else { continue }
      let digits = text.dropFirst(name.count + 1).drop { $0 == " " || $0 == "\t" }.prefix { $0.isNumber }
      if let number = Int(digits) { return number }
    }
    fail("\(path) does not say \(name)")
  }
}
