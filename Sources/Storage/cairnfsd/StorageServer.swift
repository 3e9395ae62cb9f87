import CLinux
import Catalog
import Configuration
import Daemon
import FileSystem
import Fuse
import Glibc
import HTTPService
import Linux
import Logging
import StorageService

/// The process that serves the mount and the admin API, until a signal.
struct StorageServer {
  private let configuration: Configuration
  private let manager: ServiceManager
  private let logger: Logger

  init(_ configuration: Configuration, _ manager: ServiceManager, _ logger: Logger) {
    self.configuration = configuration
    self.manager = manager
    self.logger = logger
  }

  /// Serves until SIGTERM or SIGINT, which unmount, or SIGHUP, which leaves the mount to a successor.
  func run(_ mount: KernelMount) throws {
    // Before the first thread: all of them leave these to the one that waits for them.
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)
    try raiseOpenFileLimit()
    // A chunk's buffers come and go with each read from a pack: giving their pages back and touching them
    // anew cost two mprotect(2) and up to 40 page faults each time.
    _ = cairn_keep_freed_memory(8 << 20)

    var storeOptions = FileSystem.Options()
    storeOptions.isTakeover = !mount.isNew
    storeOptions.report = { [logger] in logger.error("\($0)") }
    let directory = configuration.storage.directory
    let fileSystem = try FileSystem(
      disk: LocalDisk(root: directory), catalogDirectory: directory, options: storeOptions)
    defer { fileSystem.close() }
    var options = FuseServer.Options()
    options.log = { [logger] in logger.warning("\($0)") }
    let fuse = try FuseServer(fileSystem: fileSystem, takingOver: mount, options: options)
    fuse.start()
    do {
      try serve(fileSystem, fuse, &signals)
    } catch {
      // Programs wait at a mount that was taken over: the keeper tries once more.
      if mount.isNew { unmount(fuse) } else { fuse.leave() }
      throw error
    }
  }

  private func serve(_ fileSystem: FileSystem, _ fuse: FuseServer, _ signals: inout sigset_t) throws {
    let directory = try persistentVolume(fileSystem)
    if let place = configuration.storage.persistentMount {
      try BindMount.make(of: configuration.storage.mount + "/" + directory, at: place, within: fuse.mount)
    }
    let threads = StoreThreads(count: max(4, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    defer { threads.stop() }
    let service = StorageService(
      fileSystem: fileSystem, threads: threads,
      identity: StorageService.Identity(
        storageDirectory: configuration.storage.directory, mount: configuration.storage.mount,
        persistentMount: configuration.storage.persistentMount), kernelRequests: { fuse.requestCounts })
    let server = HTTPService(
      address: .unix(path: configuration.storageSocket, group: "cairn"), router: service.router, logger: logger)
    try wait { try await server.start() }
    endWhenUnmounted(fuse)
    tell { () throws(SystemError) in try manager.ready() }
    logger.info(
      "Serving \(configuration.storage.directory) at \(configuration.storage.mount), and \(configuration.storageSocket)"
    )

    let signal = next(&signals)
    tell { () throws(SystemError) in try manager.stopping() }
    logger.info("Stopping: \(signal == SIGHUP ? "a successor takes over" : "signal \(signal)")")
    try wait { await server.stop(graceSeconds: 10) }
    if signal == SIGHUP { fuse.leave() } else { unmount(fuse) }
  }

  /// Makes the persistent volume of a new store. Returns where it appears under the mount.
  private func persistentVolume(_ fileSystem: FileSystem) throws -> String {
    let path = "storage"
    let exists = fileSystem.volumes().contains { $0.path.map { $0.elementsEqual(path.utf8) } ?? false }
    if !exists { _ = try fileSystem.createVolume(VolumeRequest(kind: .persistent, path: path)) }
    return path
  }

  private func unmount(_ fuse: FuseServer) {
    if let place = configuration.storage.persistentMount {
      do {
        try BindMount.end(at: place, within: fuse.mount)
      } catch {
        logger.error("\(error)")
      }
    }
    fuse.stop()
  }

  /// Somebody who unmounts the file system by hand stops the daemon.
  private func endWhenUnmounted(_ fuse: FuseServer) {
    _ = WorkerThread(name: "unmounted") {
      fuse.waitUntilUnmounted()
      kill(getpid(), SIGTERM)
    }
  }

  private func next(_ signals: inout sigset_t) -> Int32 {
    var signal: Int32 = 0
    while sigwait(&signals, &signal) != 0 {}
    return signal
  }

  private func tell(_ notify: () throws(SystemError) -> Void) {
    do {
      try notify()
    } catch {
      logger.warning("The service manager can't be told: \(error)")
    }
  }

  /// Runs asynchronous work and blocks until it is done. Only for this, the main thread.
  private func wait(_ body: @escaping @Sendable () async throws -> Void) throws {
    let outcome = Monitor<Result<Void, any Error>?>(nil)
    Task.detached {
      let result: Result<Void, any Error>
      do {
        result = .success(try await body())
      } catch {
        result = .failure(error)
      }
      outcome.withLock { $0 = result }
      outcome.wakeAll()
    }
    try outcome.wait { $0 }?.get()
  }
}
