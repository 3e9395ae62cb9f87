/// Decides when a read of a pack brings what lies around it into memory: a *window* of 1 MiB.
///
/// What was stored at about the same time is often read at about the same time, in whatever order, and a
/// disk brings a window in the time of a few small reads. Each window costs a unit of ``Credit``, and each read
/// of what a window brought earns one.
struct ReadAround {
  static let window: UInt64 = 1 << 20
  /// Of windows that are remembered; then all are forgotten.
  private static let mostWindows = 16_384

  private struct Place: Hashable {
    var pack: UInt64
    var window: UInt64
  }

  private var brought: Set<Place> = []
  private(set) var credit = Credit()

  /// Notes a read at `offset` of a pack, and whether it was in memory. Returns what to bring. An offset that
  /// no file has, because a damaged catalog gave it, is left alone.
  mutating func noteRead(pack: UInt64, offset: UInt64, wasCached: Bool) -> Range<UInt64>? {
    guard offset <= UInt64(Int64.max) - Self.window else { return nil }
    let place = Place(pack: pack, window: offset / Self.window)
    if !wasCached {
      credit.noteMiss()
      // What was brought before has been forgotten, or is still under way and brought twice at no cost.
      brought.remove(place)
      return bring(place)
    }
    guard brought.contains(place) else { return nil }
    credit.earn()
    // Who came from the window before is reading on.
    let next = Place(pack: pack, window: place.window + 1)
    let cameFromBefore = place.window > 0 && brought.contains(Place(pack: pack, window: place.window - 1))
    return cameFromBefore && !brought.contains(next) ? bring(next) : nil
  }

  private mutating func bring(_ place: Place) -> Range<UInt64>? {
    guard credit.spend(1) else { return nil }
    if brought.count >= Self.mostWindows { brought = [] }
    brought.insert(place)
    return place.window * Self.window..<(place.window + 1) * Self.window
  }
}
