import CLinux
import Glibc
import Linux

/// The process that outlives the daemon's crashes and upgrades: it makes the mount, holds its
/// descriptor, starts the process that serves it, and starts another when that one dies. It does
/// nothing else, so there is nothing in it to crash or to upgrade.
///
/// To be run first thing in `main`, before any other thread exists: it takes signals by sigwait.
public enum Keeper {
  public struct Configuration: Sendable {
    public var mountPoint: String
    /// What `mount` shows as the source.
    public var source = "cairn"
    /// The server's executable, by absolute path, and its arguments. After an upgrade the path
    /// leads to the new one.
    public var executable: String
    public var arguments: [String]
    /// Failures of servers within so many seconds that are borne: one more, and the keeper gives up.
    public var restartLimit = 5
    public var restartWindow = 60
    /// Told, in a sentence, of deaths and restarts.
    public var log: @Sendable (String) -> Void

    public init(
      mountPoint: String, executable: String, arguments: [String], log: @escaping @Sendable (String) -> Void
    ) {
      self.mountPoint = mountPoint
      self.executable = executable
      self.arguments = arguments
      self.log = log
    }
  }

  private static let variable = "CAIRN_FUSE_MOUNT"

  /// In a process that a keeper started: the mount to serve. Else nil.
  ///
  /// The process gets SIGTERM if its keeper dies, since nobody would hold the mount after it.
  public static func inheritedMount() throws(FuseError) -> KernelMount? {
    guard let value = getenv(variable) else { return nil }
    let parts = String(cString: value).split(separator: ":", maxSplits: 3)
    guard parts.count == 4, let descriptor = Int32(parts[0]), let record = bytes(hexadecimal: parts[1]) else {
      throw FuseError(.refused, "\(variable) is set, but not by a keeper: unset it.")
    }
    _ = cairn_die_with_parent(SIGTERM)
    // What this process starts in turn must not hold the mount.
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unsetenv(variable)
    return try KernelMount(
      mountPoint: String(parts[3]), descriptor: descriptor, recordedInit: record, isNew: parts[2] == "new")
  }

  /// Mounts, and keeps a server running until it ends by itself. Returns the exit code to end with.
  ///
  /// SIGTERM and SIGINT are passed on: the server unmounts and exits. SIGHUP is an upgrade: it is
  /// passed on, the server leaves the mount and exits with 0, and the executable is started anew. A
  /// server that dies by a signal is started again. One that was to take over, fails, and leaves the mount as
  /// it was is started again after a while, for as long as the limit lets: programs wait, and it may have been
  /// the disk. One that exits by itself otherwise ends the keeper.
  public static func run(_ configuration: Configuration) throws(FuseError) -> Int32 {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGCHLD] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let mount = try KernelMount(at: configuration.mountPoint, source: configuration.source)
    defer { mount.abandon() }
    var policy = RestartPolicy(limit: configuration.restartLimit, window: configuration.restartWindow)
    var isNew = true
    while true {
      let outcome = try serve(configuration, mount, isNew: isNew, &signals)
      isNew = false
      switch outcome {
      case .left: continue
      case .ended(let code): return code
      case .failed(let kind, let what):
        guard let delay = policy.delay(after: kind, at: secondsNow()) else {
          configuration.log(
            "The storage server \(what), and \(policy.count) have failed within \(configuration.restartWindow) s: "
              + "\(mount.mountPoint) is unmounted. See its log for the cause.")
          return 1
        }
        configuration.log(
          "The storage server \(what); another takes over \(mount.mountPoint)\(delay > 0 ? " in \(delay) s" : "").")
        guard wait(seconds: delay, signals) else {
          configuration.log("Told to stop while nobody served \(mount.mountPoint), which is unmounted.")
          return 1
        }
      }
    }
  }

  private enum Outcome {
    /// It left the mount to another on purpose.
    case left
    /// It exited, and the mount with it.
    case ended(Int32)
    /// The mount is as it was. What happened, after “The storage server”.
    case failed(RestartPolicy.Failure, String)
  }

  /// Starts a server and waits for its end.
  private static func serve(
    _ configuration: Configuration, _ mount: KernelMount, isNew: Bool, _ signals: inout sigset_t
  ) throws(FuseError) -> Outcome {
    let server: pid_t
    do throws(FuseError) {
      server = try spawn(configuration, mount, isNew: isNew)
    } catch {
      if isNew { throw error }
      return .failed(.takeover, "could not take over (\(error))")
    }
    let (status, order) = watch(server, &signals)
    let (signal, code) = (status & 0x7F, status >> 8 & 0xFF)
    let isStopping = order == SIGTERM || order == SIGINT
    if signal != 0 && isStopping {
      configuration.log("The storage server died by signal \(signal) while it stopped. See its log for the cause.")
      return .ended(1)
    }
    if signal != 0 { return .failed(.death, "died by signal \(signal)") }
    if code == 0 && order == SIGHUP { return .left }
    if code == 0 || isNew || isStopping || !mount.isConnected { return .ended(code) }
    return .failed(.takeover, "could not take over (exit code \(code))")
  }

  /// False: told to stop meanwhile. SIGHUP ends the wait.
  private static func wait(seconds: Int, _ signals: sigset_t) -> Bool {
    let end = secondsNow() + seconds
    while case let left = end - secondsNow(), left > 0 {
      var signals = signals
      var time = timespec(tv_sec: left, tv_nsec: 0)
      switch sigtimedwait(&signals, nil, &time) {
      case SIGTERM, SIGINT: return false
      case SIGHUP: return true
      default: break
      }
    }
    return true
  }

  /// Passes signals on until the server has ended; returns its wait status and the last signal
  /// passed on, or 0.
  private static func watch(_ server: pid_t, _ signals: inout sigset_t) -> (status: Int32, order: Int32) {
    var order: Int32 = 0
    while true {
      var status: Int32 = 0
      if waitpid(server, &status, WNOHANG) == server { return (status, order) }
      var signal: Int32 = 0
      guard sigwait(&signals, &signal) == 0 else { continue }
      if signal == SIGCHLD { continue }
      // Once told to stop, it stops.
      if order != SIGTERM && order != SIGINT { order = signal }
      kill(server, signal)
    }
  }

  private static func spawn(
    _ configuration: Configuration, _ mount: KernelMount, isNew: Bool
  ) throws(FuseError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // dup2 onto itself takes close-on-exec off in the child (glibc 2.29).
    posix_spawn_file_actions_adddup2(&actions, mount.descriptor, mount.descriptor)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    let record = mount.recordedInit.map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0" + text : text
    }.joined()
    let arguments = CStrings([configuration.executable] + configuration.arguments)
    let environment = CStrings(
      ["\(variable)=\(mount.descriptor):\(record):\(isNew ? "new" : "used"):\(mount.mountPoint)"],
      adding: cairn_environment())
    var process: pid_t = 0
    let code = posix_spawn(
      &process, configuration.executable, &actions, &attributes, arguments.pointers, environment.pointers)
    if code != 0 {
      throw FuseError(.refused, "\(SystemError("posix_spawn", configuration.executable, code))")
    }
    return process
  }

  private static func bytes(hexadecimal text: Substring) -> [UInt8]? {
    let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count % 2 == 0, !digits.contains(nil) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0]! << 4 | digits[$0 + 1]!) }
  }

  private static func secondsNow() -> Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec
  }
}

/// A null-terminated array of C strings, as exec takes them.
private final class CStrings {
  private var owned: [UnsafeMutablePointer<CChar>?]
  var pointers: [UnsafeMutablePointer<CChar>?]

  /// `strings`, followed by those of a null-terminated array that lives longer than this.
  init(_ strings: [String], adding others: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = nil) {
    owned = strings.map { strdup($0) }
    pointers = owned
    var next = others
    while let at = next, let string = at.pointee {
      pointers.append(string)
      next = at + 1
    }
    pointers.append(nil)
  }

  deinit { for string in owned { free(string) } }
}
