import Linux
import Synchronization

/// Answers ENOSPC at the write rather than at the flush: what is acknowledged must fit on the disk
/// twice, as it was staged and as chunks, and something must be left for the catalog and for deletes.
/// What is only allocated takes no space yet, and must fit once; a copy shares what it copies, and takes none.
///
/// The disk is asked anew after 16 MiB of writes, so the answer may be that much out of date.
final class SpaceGuard: Sendable {
  /// Bytes kept back for the catalog, the journal and removals.
  static let reserve: UInt64 = 64 << 20
  private static let interval: UInt64 = 16 << 20

  private let disk: any Disk
  private let state = Mutex((free: UInt64(0), untilNextLook: UInt64(0)))

  init(disk: any Disk) { self.disk = disk }

  /// Bytes that can still be written.
  var free: UInt64 {
    let free = (try? disk.freeBytes()) ?? 0
    return free - min(free, Self.reserve)
  }

  /// Whether `count` more bytes fit so many `times`, with `staged` bytes yet to become chunks.
  func fits(_ count: UInt64, times: UInt64, staged: UInt64) -> Bool {
    state.withLock { state in
      if state.untilNextLook < count {
        state.free = free
        state.untilNextLook = Self.interval
      }
      state.untilNextLook -= min(state.untilNextLook, count)
      let (product, isTooMuch) = count.multipliedReportingOverflow(by: times)
      let (needed, isFarTooMuch) = product.addingReportingOverflow(staged)
      if isTooMuch || isFarTooMuch { return false }
      if state.free >= needed { return true }
      state.untilNextLook = 0
      return free >= needed
    }
  }
}
