import Glibc
import StorageAPI

/// A storage daemon that is started here, on the configuration in `directory`, and what it takes.
struct Measurement {
  private let directory: String
  private let client: StorageClient

  init(directory: String) {
    self.directory = directory
    client = StorageClient(socket: directory + "/run/storage.sock")
  }

  private var mount: String { directory + "/mount/storage" }

  /// Prints figures, one a line, each with its name.
  func run(files: Int) async throws {
    let last = "\(mount)/\(Layout.path(files - 1))"
    let start = nanoseconds()
    let daemon = try Daemon.start(configuration: directory + "/cairn.yaml")
    defer { daemon.stop() }
    var attributes = stat()
    while stat(last, &attributes) != 0 {
      guard seconds(since: start) < 120, daemon.isRunning else { fail("the daemon did not answer a stat of \(last)") }
      usleep(500)
    }
    report("start", seconds(since: start))
    guard Int(attributes.st_size) == Layout.content(files - 1).utf8.count else { fail("\(last) has another size") }
    let server = try await serverProcess()
    report("resident-started", server.residentBytes)

    let walkStart = nanoseconds()
    let found = walk(mount)
    guard found == files + (files + Layout.filesPerDirectory - 1) / Layout.filesPerDirectory else {
      fail("the walk found \(found) files and directories")
    }
    report("walk", Double(found) / seconds(since: walkStart))
    report("resident-walked", server.residentBytes)
    report("resident-peak", server.peakBytes)

    let count = min(100_000, files)
    report("create-new-directories", try await createRate(count) { "new-\($0 / Layout.filesPerDirectory)/\($0)" })
    // Numbers that go round all directories, each a thousandth on: 7,919 is a prime.
    let directories = files / Layout.filesPerDirectory
    report("create-old-directories", try await createRate(count) { "\($0 &* 7_919 % directories)/new-\($0)" })
    report("resident-created", server.residentBytes)
  }

  /// An idle daemon: its processes' wake-ups a second and memory.
  func runIdle() async throws {
    let daemon = try Daemon.start(configuration: directory + "/cairn.yaml")
    defer { daemon.stop() }
    var attributes = stat()
    let start = nanoseconds()
    // The socket comes last.
    while stat(directory + "/run/storage.sock", &attributes) != 0 || stat(mount, &attributes) != 0 {
      guard seconds(since: start) < 120, daemon.isRunning else { fail("the daemon did not start") }
      usleep(10_000)
    }
    let server = try await serverProcess()
    let keeper = Process(id: daemon.id)
    // What the start left to do, a checkpoint among it, is over by then.
    sleep(15)
    let period = 10.0
    let (keeperBefore, serverBefore) = (keeper.wakeUps, server.wakeUps)
    usleep(UInt32(period * 1e6))
    report("idle-wakeups", Double(keeper.wakeUps + server.wakeUps - keeperBefore - serverBefore) / period)
    report("idle-resident", keeper.residentBytes + server.residentBytes)
    report("idle-resident-server", server.residentBytes)
  }

  private func serverProcess() async throws -> Process {
    // The socket is there a little later than the mount.
    for _ in 0..<1_000 {
      if let information = try? await client.information() { return Process(id: information.pid) }
      usleep(10_000)
    }
    return Process(id: try await client.information().pid)
  }

  /// Makes small files, as a program does, and returns how many a second. Checkpoints run meanwhile.
  private func createRate(_ count: Int, _ path: (Int) -> String) async throws -> Double {
    try await client.synchronize()
    let start = nanoseconds()
    for index in 0..<count {
      let path = "\(mount)/\(path(index))"
      var descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      if descriptor < 0, errno == ENOENT, let slash = path.lastIndex(of: "/") {
        mkdir(String(path[..<slash]), 0o755)
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      }
      guard descriptor >= 0 else { fail("create \(path): \(String(cString: strerror(errno)))") }
      let content = Layout.content(index)
      guard write(descriptor, content, content.utf8.count) == content.utf8.count else { fail("write \(path)") }
      close(descriptor)
    }
    return Double(count) / seconds(since: start)
  }

  /// Reads the names of every directory below `path` and the attributes of every entry; returns how many there are.
  private func walk(_ path: String) -> Int {
    guard let directory = opendir(path) else { fail("opendir \(path)") }
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      var attributes = stat()
      let child = path + "/" + name
      guard lstat(child, &attributes) == 0 else { fail("lstat \(child): \(String(cString: strerror(errno)))") }
      count += 1
      if attributes.st_mode & S_IFMT == S_IFDIR { count += walk(child) }
    }
    return count
  }

  private func report(_ name: String, _ value: Double) { print("\(name) \(value)") }
  private func report(_ name: String, _ bytes: Int) { print("\(name) \(bytes)") }
}
