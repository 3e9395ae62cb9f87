import CLinux
import Glibc

/// A process of this host that is not our child, held so that it can be told how it ended: the exit code goes to its
/// parent, and a container's parent, conmon, may be killed. Linux tells it to whoever holds a descriptor, since 6.15.
final class HeldProcess: Sendable {
  private let process: HostProcess
  private let descriptor: Int32

  /// nil: it has ended, and nobody can be told how any more.
  init?(_ process: HostProcess) {
    descriptor = cairn_pidfd_open(process.pid)
    guard descriptor >= 0 else { return nil }
    // The descriptor is of whoever has the number now.
    if !process.isAlive && process.unburiedStatus == nil {
      close(descriptor)
      return nil
    }
    self.process = process
  }

  deinit { close(descriptor) }

  /// Returns when it has ended.
  func ended() async throws { try await process.ended() }

  /// 128 and the signal's number where a signal ended it; nil: it has not ended, or the kernel does not tell.
  var exitCode: Int32? {
    // Between the first two questions its parent may have waited for it: then the third is answered.
    guard let status = waitedStatus ?? process.unburiedStatus ?? waitedStatus else { return nil }
    let signal = status & 0x7f
    return signal == 0 ? status >> 8 & 0xff : 128 + signal
  }

  private var waitedStatus: Int32? {
    var status: Int32 = 0
    return cairn_pidfd_exit_status(descriptor, &status) == 0 ? status : nil
  }
}
