import Glibc

/// Stops with what was tried and why it failed: a benchmark that goes on after an error measures nothing.
func fail(_ what: String) -> Never {
  let reason = String(cString: strerror(errno))
  print("cairn-bench: \(what): \(reason)", to: &standardError)
  exit(1)
}

/// Stops because the file system gave back something else than was put there.
func fail(expecting what: String) -> Never {
  print("cairn-bench: expected \(what)", to: &standardError)
  exit(1)
}

/// Text to standard error, where progress goes, so that standard output is the table alone.
struct StandardError: TextOutputStream {
  func write(_ string: String) {
    var string = string
    _ = string.withUTF8 { Glibc.write(2, $0.baseAddress, $0.count) }
  }
}
nonisolated(unsafe) var standardError = StandardError()

func openFile(_ path: String, _ flags: Int32) -> Int32 {
  let descriptor = open(path, flags | O_CLOEXEC, 0o644)
  guard descriptor >= 0 else { fail("open \(path)") }
  return descriptor
}

func closeFile(_ descriptor: Int32) {
  guard close(descriptor) == 0 else { fail("close") }
}

func syncFile(_ descriptor: Int32) {
  guard fsync(descriptor) == 0 else { fail("fsync") }
}

/// Writes all of `bytes` at the descriptor's position.
func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) {
  var done = 0
  while done < bytes.count {
    let count = write(descriptor, bytes.baseAddress! + done, bytes.count - done)
    guard count > 0 else { fail("write") }
    done += count
  }
}

func writeAt(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ offset: Int) {
  guard pwrite(descriptor, bytes.baseAddress, bytes.count, offset) == bytes.count else { fail("pwrite") }
}

/// Reads to the end of the file; returns the number of bytes.
func readToEnd(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
  var total = 0
  while true {
    let count = read(descriptor, buffer.baseAddress, buffer.count)
    guard count >= 0 else { fail("read") }
    if count == 0 { return total }
    total += count
  }
}

func makeDirectory(_ path: String) {
  guard mkdir(path, 0o755) == 0 || errno == EEXIST else { fail("mkdir \(path)") }
}

/// Reads the names of every directory below `path` and the attributes of every entry; returns how many there are.
func walk(_ path: String) -> Int {
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
    guard lstat(child, &attributes) == 0 else { fail("lstat \(child)") }
    count += 1
    if attributes.st_mode & S_IFMT == S_IFDIR { count += walk(child) }
  }
  return count
}

/// Runs a program found in PATH and waits for it; anything but exit code 0 ends the benchmark.
func run(_ program: String, _ arguments: String...) {
  var pid = pid_t()
  var vector: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
  defer { vector.forEach { free($0) } }
  errno = posix_spawnp(&pid, program, nil, nil, &vector, environ)
  guard errno == 0 else { fail("run \(program)") }
  var status: Int32 = 0
  while waitpid(pid, &status, 0) < 0 { guard errno == EINTR else { fail("wait for \(program)") } }
  guard status == 0 else {
    print("cairn-bench: \(program) \(arguments.joined(separator: " ")) ended with status \(status)", to: &standardError)
    exit(1)
  }
}
