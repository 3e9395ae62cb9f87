import CLinux
import Catalog
import FileSystem
import Fuse
import Glibc
import Linux

/// What the storage daemon is, reduced to its mount, for tests.
///
/// `mount-server serve STORE MOUNT` mounts, and obeys commands on its standard input. It is a process
/// of its own because a server that crashes in the process of its clients leaves threads that wait
/// for it and can't be killed.
///
/// `mount-server keep STORE MOUNT` is a keeper, which starts itself again as the server.
@main
struct MountServer {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4 else { exit(2) }
    _ = cairn_die_with_parent(SIGTERM)
    if let mount = try Keeper.inheritedMount() {
      try serve(mount, store: arguments[2])
    } else if arguments[1] == "keep" {
      let configuration = Keeper.Configuration(
        mountPoint: arguments[3], executable: "/proc/self/exe", arguments: Array(arguments.dropFirst()),
        log: { print($0) })
      exit(try Keeper.run(configuration))
    } else {
      try serve(store: arguments[2], mountPoint: arguments[3])
    }
  }

  private static func open(store: String, isTakeover: Bool) throws -> FileSystem {
    var options = FileSystem.Options()
    options.isTakeover = isTakeover
    options.report = { print("file system:", $0) }
    let fileSystem = try FileSystem(disk: LocalDisk(root: store), catalogDirectory: store, options: options)
    if fileSystem.volumes().allSatisfy({ $0.kind == .skeleton }) {
      _ = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
    }
    return fileSystem
  }

  /// Serves a keeper's mount until a signal.
  private static func serve(_ mount: KernelMount, store: String) throws {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let fileSystem = try open(store: store, isTakeover: !mount.isNew)
    let server = try FuseServer(fileSystem: fileSystem, takingOver: mount)
    server.start()
    // Who tests learns from this file whom to kill.
    let identifier = "\(getpid())"
    let file = Glibc.open(store + "/../server.pid", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    write(file, identifier, identifier.utf8.count)
    close(file)
    var signal: Int32 = 0
    sigwait(&signals, &signal)
    if signal == SIGHUP { server.leave() } else { server.stop() }
    fileSystem.close()
  }

  /// Mounts and serves until standard input ends. Each command is a line, and is answered by one.
  private static func serve(store: String, mountPoint: String) throws {
    let fileSystem = try open(store: store, isTakeover: false)
    let server = try FuseServer(fileSystem: fileSystem, mountPoint: mountPoint)
    server.start()
    answer("ready")
    while let line = readLine() {
      let words = line.split(separator: " ")
      switch words[0] {
      case "counts": answer(server.requestCounts.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
      case "create":
        let request = VolumeRequest(kind: .artifact, path: String(words[1]))
        answer("\(try fileSystem.createVolume(request).id)")
      case "remove":
        try fileSystem.removeVolume(VolumeID(words[1])!)
        answer("removed")
      case "stop":
        server.stop()
        answer("stopped")
      case "wait":
        server.waitUntilUnmounted()
        answer("unmounted")
      default: exit(2)
      }
    }
    server.stop()
    fileSystem.close()
  }

  private static func answer(_ text: String) {
    let line = text + "\n"
    write(STDOUT_FILENO, line, line.utf8.count)
  }
}
