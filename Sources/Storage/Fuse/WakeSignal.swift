import CLinux
import Glibc

/// The signal that takes a worker out of a read(2) of `/dev/fuse`, which nothing else ends while the
/// mount stays. SIGURG, because it is ignored by default and nobody here uses out-of-band data.
enum WakeSignal {
  static let number = SIGURG

  /// Gives the signal a handler that does nothing, without SA_RESTART: read(2) then fails with EINTR.
  static func install() { _ = installed }

  /// Lets the signal through to the calling thread, whose creator may have blocked it: libdispatch's
  /// threads block nearly all, and what they start inherits that.
  static func admit() {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, number)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  private static let installed: Bool = {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in }
    return sigaction(number, &action, nil) == 0
  }()
}
