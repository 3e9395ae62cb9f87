import Catalog

/// What the staged bytes of a checkpoint have become: chunks, inline bytes or zeros.
struct StagedTranslation {
  private struct Entry {
    var offset: UInt64
    var length: UInt64
    /// With offsets from the beginning of the entry.
    var content: [Extent]
    /// The furthest end of this entry and those before it: where a search backwards may stop.
    var reach: UInt64 = 0
  }

  private var entries: [UInt64: [Entry]] = [:]

  var isEmpty: Bool { entries.isEmpty }

  /// Notes that a page's extents `old` were replaced by `new`, which cover the same ranges.
  mutating func add(_ old: [Extent], became new: [Extent]) {
    for extent in old {
      guard case .staged(let segment, let offset) = extent.content else { continue }
      let content = ExtentMap.extents(new, in: extent.offset..<extent.end).map {
        ExtentMap.moved($0, to: $0.offset - extent.offset)
      }
      entries[segment, default: []].append(Entry(offset: offset, length: extent.length, content: content))
    }
  }

  /// To be called after the last ``add(_:became:)``.
  mutating func prepare() {
    for (segment, unsorted) in entries {
      var sorted = unsorted.sorted { $0.offset < $1.offset }
      var reach: UInt64 = 0
      for index in sorted.indices {
        reach = max(reach, sorted[index].offset + sorted[index].length)
        sorted[index].reach = reach
      }
      entries[segment] = sorted
    }
  }

  /// The extents with what is known put in the place of staged ones; nil if nothing changes.
  func apply(_ extents: [Extent]) -> [Extent]? {
    var isChanged = false
    var result: [Extent] = []
    for extent in extents {
      guard case .staged(let segment, let offset) = extent.content, let known = entries[segment] else {
        ExtentMap.append(extent, to: &result)
        continue
      }
      var position = offset
      let end = offset + extent.length
      while position < end {
        let place = extent.offset + (position - offset)
        if let entry = Self.entry(known, containing: position) {
          isChanged = true
          let until = min(end, entry.offset + entry.length)
          let range = position - entry.offset..<until - entry.offset
          for piece in ExtentMap.extents(entry.content, in: range) {
            ExtentMap.append(ExtentMap.moved(piece, to: place + piece.offset - range.lowerBound), to: &result)
          }
          position = until
        } else {
          let until = min(end, Self.start(known, after: position) ?? end)
          ExtentMap.append(
            ExtentMap.slice(extent, from: place, to: extent.offset + (until - offset)), to: &result)
          position = until
        }
      }
    }
    return isChanged ? result : nil
  }

  private static func index(_ entries: [Entry], after position: UInt64) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].offset > position { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private static func entry(_ entries: [Entry], containing position: UInt64) -> Entry? {
    // Bytes shared by a copy have several entries, which may begin at different places.
    var index = index(entries, after: position) - 1
    while index >= 0, entries[index].reach > position {
      if entries[index].offset + entries[index].length > position { return entries[index] }
      index -= 1
    }
    return nil
  }

  private static func start(_ entries: [Entry], after position: UInt64) -> UInt64? {
    let next = index(entries, after: position)
    return next < entries.count ? entries[next].offset : nil
  }
}
