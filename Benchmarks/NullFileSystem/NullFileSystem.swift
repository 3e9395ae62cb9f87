import CFuse3
import CLinux
import Fuse
import Glibc
import Linux

/// `null-file-system DIRECTORY` mounts a file system that does nothing: names and attributes are kept in memory,
/// what is written is thrown away, what is read is zeros. How fast it is, is how fast a FUSE file system in Swift can
/// be, so it is what Cairn is measured against: the mount is made, the protocol agreed on and requests received by the
/// code that does it for Cairn, and a request is answered with as little work as can be.
///
/// `null-file-system DIRECTORY STORE` does of what is written and read what a store can't do without: ``NullStore``.
@main
struct NullFileSystem {
  static let readAheadKilobytes = 1024

  static func main() {
    guard (2...3).contains(CommandLine.arguments.count) else { fail("usage: null-file-system DIRECTORY [STORE]") }
    // Before the first thread: all of them leave these to the main one.
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGTERM, SIGINT] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let mount: KernelMount
    let store: NullStore?
    do {
      store = CommandLine.arguments.count > 2 ? try NullStore(directory: CommandLine.arguments[2]) : nil
      mount = try KernelMount(at: CommandLine.arguments[1], source: "null")
    } catch {
      fail("\(error)")
    }
    let tree = Monitor(NullTree())
    let receiver = RequestReceiver(descriptor: mount.descriptor)
    // As many as the storage daemon has.
    let count = min(max(2 * sysconf(Int32(_SC_NPROCESSORS_ONLN)), 4), 16)
    for index in 0..<count {
      _ = WorkerThread(name: "null-\(index)") {
        NullWorker(descriptor: mount.descriptor, receiver: receiver, tree: tree, store: store).serve()
        // It has been unmounted.
        exit(0)
      }
    }
    setReadAhead(mount.mountPoint)
    var signal: Int32 = 0
    while sigwait(&signals, &signal) != 0 {}
    umount2(mount.mountPoint, Int32(MNT_DETACH))
    exit(0)
  }

  /// As the storage daemon does: FUSE's own 128 KiB would make 8 requests of each MiB.
  private static func setReadAhead(_ mountPoint: String) {
    var attributes = stat()
    guard stat(mountPoint, &attributes) == 0 else { fail("\(SystemError("stat", mountPoint))") }
    let path = "/sys/class/bdi/\(attributes.st_dev >> 8 & 0xFFF):\(attributes.st_dev & 0xFF)/read_ahead_kb"
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    let text = "\(readAheadKilobytes)"
    guard descriptor >= 0, write(descriptor, text, text.utf8.count) > 0 else { fail("\(SystemError("write", path))") }
    close(descriptor)
  }

  static func fail(_ message: String) -> Never {
    let line = "null-file-system: \(message)\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
    exit(1)
  }
}
