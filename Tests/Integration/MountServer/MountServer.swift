import Catalog
import FileSystem
import Fuse
import Glibc
import Linux

/// `mount-server STORE MOUNT`: what the storage daemon is, reduced to its mount, for
/// tests that kill it. As a keeper it starts itself again as the server.
@main
struct MountServer {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 3 else { exit(2) }
    guard let mount = try Keeper.inheritedMount() else {
      let configuration = Keeper.Configuration(
        mountPoint: arguments[2], executable: "/proc/self/exe", arguments: Array(arguments.dropFirst()),
        log: { print($0) })
      exit(try Keeper.run(configuration))
    }
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let fileSystem = try FileSystem(disk: LocalDisk(root: arguments[1]))
    if fileSystem.volumes().allSatisfy({ $0.kind == .skeleton }) {
      _ = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: "storage"))
    }
    let server = try FuseServer(fileSystem: fileSystem, takingOver: mount)
    server.start()
    // Who tests learns from this file whom to kill.
    let identifier = "\(getpid())"
    let file = open(arguments[1] + "/../server.pid", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    write(file, identifier, identifier.utf8.count)
    close(file)
    var signal: Int32 = 0
    sigwait(&signals, &signal)
    if signal == SIGHUP { server.leave() } else { server.stop() }
    fileSystem.close()
  }
}
