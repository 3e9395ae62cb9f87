import CFuse3
import CFuseShim
import FileSystem
import Glibc
import Linux

/// Serves a file system at a mount point of the host. Thread-safe; several may run in one process.
public final class FuseServer: Sendable {
  public struct Options: Sendable {
    /// Threads that answer requests; nil: two a core, at least 4 and at most 16.
    public var workers: Int?
    /// How far the kernel reads ahead, in KiB.
    public var readAheadKilobytes = 2048
    /// What `mount` shows as the source.
    public var source = "cairn"
    /// Told, in a sentence, of what goes wrong but stops nothing.
    public var log: @Sendable (String) -> Void = { message in
      let line = "fuse: \(message)\n"
      _ = write(STDERR_FILENO, line, line.utf8.count)
    }

    public init() {}
  }

  /// What is served. Its descriptor belongs to the server.
  public let mount: KernelMount

  private let options: Options
  /// `major:minor` of the mount.
  private let device: String
  private let session: Session
  private let handler: RequestHandler
  private let invalidator: Invalidator
  private let counters = RequestCounters()
  private let receiver: RequestReceiver
  /// Workers that have not ended.
  private let running = Monitor(0)

  /// Mounts `fileSystem` at an existing directory. A dead mount that is found there is detached.
  /// Programs that come before ``start()`` wait for it.
  public convenience init(
    fileSystem: FileSystem, mountPoint: String, options: Options = Options()
  ) throws(FuseError) {
    let mount = try KernelMount(at: mountPoint, source: options.source)
    try self.init(fileSystem, mount, options)
  }

  /// Serves a mount that another process made, or whose server has died or left. Requests that were
  /// not answered come again, those that had been carried out among them: ``Caller/request`` tells.
  ///
  /// Throws ``FuseError/Code/refused`` where the mount is gone, or the kernel (before 6.9) can't
  /// send requests again.
  public convenience init(
    fileSystem: FileSystem, takingOver mount: KernelMount, options: Options = Options()
  ) throws(FuseError) {
    guard mount.record.agreed.contains(.hasResend) else {
      throw FuseError(.refused, "This kernel can't send requests again (it needs Linux 6.9): mount anew.")
    }
    try self.init(fileSystem, mount, options)
    guard Invalidator.notify(mount.descriptor, Int32(CAIRN_FUSE_NOTIFY_RESEND), []) else {
      throw FuseError(
        .refused, "\(SystemError("write", "/dev/fuse")): the mount at \(mount.mountPoint) is gone; mount anew.")
    }
  }

  private init(_ fileSystem: FileSystem, _ mount: KernelMount, _ options: Options) throws(FuseError) {
    self.mount = mount
    self.options = options
    let session = try Session(descriptor: mount.descriptor)
    mount.record.request.withUnsafeBytes { session.initialize(with: $0) }
    self.session = session
    guard let entry = try MountTable.current().top(at: mount.mountPoint), entry.type == "fuse.cairn" else {
      throw FuseError(.refused, "\(mount.mountPoint) is no longer mounted: start anew.")
    }
    device = entry.device
    receiver = RequestReceiver(descriptor: mount.descriptor)
    handler = RequestHandler(
      fileSystem: fileSystem, descriptor: mount.descriptor, mountNumber: mount.record.mountNumber)
    invalidator = Invalidator(descriptor: mount.descriptor)
    do throws(FuseError) {
      try Mount.setReadAhead(device: device, kilobytes: options.readAheadKilobytes)
    } catch {
      options.log("reading ahead stays at the kernel's own size: \(error)")
    }
    fileSystem.onInvalidation { [invalidator] in invalidator.send($0) }
  }

  /// How many requests of each kind have come, by the kernel's names for them, such as `LOOKUP`.
  public var requestCounts: [String: UInt64] { counters.all }

  /// Begins to answer. To be called once.
  public func start() {
    let count = options.workers ?? min(max(2 * sysconf(Int32(_SC_NPROCESSORS_ONLN)), 4), 16)
    running.withLock { $0 = count }
    for index in 0..<count {
      _ = WorkerThread(name: "fuse-\(index)") { self.serve() }
    }
    // A server that was killed may have changed something and not come to tell.
    handler.fileSystem.invalidateChanged()
  }

  /// Unmounts and ends the threads; returns when they have ended. Programs that still use the mount
  /// lose it.
  public func stop() {
    invalidator.stop()
    do throws(FuseError) {
      try Mount.end(at: mount.mountPoint, device: device)
    } catch {
      options.log("\(error)")
    }
    endWorkers()
    // Programs that hold files of a mount that could only be detached get ENOTCONN once the last copy
    // of the descriptor closes. Its number stays taken, for libfuse to close in the end.
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    if null >= 0 {
      dup2(null, mount.descriptor)
      close(null)
    }
  }

  /// Ends the threads and leaves the mount: what programs ask meanwhile waits for a server that takes
  /// over, for as long as somebody holds a copy of the descriptor.
  public func leave() {
    invalidator.stop()
    endWorkers()
  }

  /// Returns when somebody has unmounted the file system or cut its connection, or after ``stop()``.
  public func waitUntilUnmounted() {
    _ = running.wait { $0 == 0 ? true : nil }
  }

  // MARK: - Workers

  /// Wakes the workers by a signal until all have ended. After an unmount they end by themselves, unless
  /// programs still hold files of a mount that could only be detached.
  private func endWorkers() {
    WakeSignal.install()
    repeat { receiver.stop() } while running.wait(seconds: 0.01, until: { $0 == 0 ? true : nil }) == nil
  }

  private func serve() {
    let buffer = ReceiveBuffer()
    let reply = ReplyBuffer(capacity: Int(Negotiation.maxWrite))
    WakeSignal.admit()
    Waiting.onThisThread { [receiver] isBrief in
      if isBrief { receiver.passToOthers() } else { receiver.pass() }
    }
    do throws(RequestReceiver.Failure) {
      while true {
        let bytes = try receiver.next(into: buffer.memory)
        guard let request = Request(bytes) else {
          options.log("the kernel sent a request of \(bytes.count) bytes that is not whole; it is left out.")
          continue
        }
        // The kernel reads ahead by several of these at once, each as much work as fifty others.
        if request.isLargeRead { receiver.pass() }
        answer(request, reply)
      }
    } catch {
      if case .failed(let error) = error { options.log("\(error): a worker of \(mount.mountPoint) ends.") }
    }
    running.withLock { $0 -= 1 }
    running.wakeAll()
  }

  private func answer(_ request: Request, _ reply: borrowing ReplyBuffer) {
    counters.count(request.opcode, isResent: request.unique & Request.resent != 0)
    do throws(POSIXError) {
      switch try handler.handle(request, reply) {
      case .reply(let count): reply.send(mount.descriptor, unique: request.unique, count: count)
      case .none: break
      case .unknown: session.process(request.bytes)
      }
    } catch {
      reply.send(mount.descriptor, unique: request.unique, error: error.code)
    }
  }
}
