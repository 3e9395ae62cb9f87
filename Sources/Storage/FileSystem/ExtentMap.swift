import Catalog

/// Surgery on a list of extents in the order of their offsets, without overlaps: pure functions.
/// What no extent covers is a hole.
enum ExtentMap {
  /// The part of `extent` between two offsets in the file, both within it.
  static func slice(_ extent: Extent, from start: UInt64, to end: UInt64) -> Extent {
    if start == extent.offset && end == extent.end { return extent }
    let skip = start - extent.offset
    let length = end - start
    let content: Extent.Content =
      switch extent.content {
      case .chunk(let chunk, let offset): .chunk(chunk, offset: offset + UInt32(skip))
      case .staged(let segment, let offset): .staged(segment: segment, offset: offset + skip)
      case .inline(let bytes): .inline([UInt8](bytes[Int(skip)..<Int(skip + length)]))
      case .zeros: .zeros
      }
    return Extent(offset: start, length: length, content: content)
  }

  /// The first extent that ends after `offset`.
  static func firstIndex(_ extents: [Extent], endingAfter offset: UInt64) -> Int {
    var low = 0
    var high = extents.count
    while low < high {
      let middle = (low + high) / 2
      if extents[middle].end > offset { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// What lies in a range, cut to it.
  static func extents(_ extents: [Extent], in range: Range<UInt64>) -> [Extent] {
    var result: [Extent] = []
    var index = firstIndex(extents, endingAfter: range.lowerBound)
    while index < extents.count, extents[index].offset < range.upperBound {
      let extent = extents[index]
      result.append(
        slice(extent, from: max(extent.offset, range.lowerBound), to: min(extent.end, range.upperBound)))
      index += 1
    }
    return result
  }

  /// Bytes in a range that are not holes.
  static func allocated(_ extents: [Extent], in range: Range<UInt64>) -> UInt64 {
    var total: UInt64 = 0
    var index = firstIndex(extents, endingAfter: range.lowerBound)
    while index < extents.count, extents[index].offset < range.upperBound {
      total += min(extents[index].end, range.upperBound) - max(extents[index].offset, range.lowerBound)
      index += 1
    }
    return total
  }

  /// Puts `new` (in order, within the range) in the place of what lies in the range.
  static func replace(_ extents: inout [Extent], _ range: Range<UInt64>, with new: [Extent]) {
    let first = firstIndex(extents, endingAfter: range.lowerBound)
    var last = first
    var pieces: [Extent] = []
    pieces.reserveCapacity(new.count + 2)
    while last < extents.count, extents[last].offset < range.upperBound {
      let extent = extents[last]
      if extent.offset < range.lowerBound {
        append(slice(extent, from: extent.offset, to: range.lowerBound), to: &pieces)
      }
      last += 1
    }
    // An extent that ends where the range begins may go on in the first new one.
    var start = first
    if pieces.isEmpty, first > 0, extents[first - 1].end == range.lowerBound {
      start = first - 1
      pieces.append(extents[start])
    }
    for extent in new { append(extent, to: &pieces) }
    if last > first, extents[last - 1].end > range.upperBound {
      append(slice(extents[last - 1], from: range.upperBound, to: extents[last - 1].end), to: &pieces)
    }
    extents.replaceSubrange(start..<last, with: pieces)
  }

  /// Appends an extent, joining it to the last one where it goes on in the same place.
  static func append(_ extent: Extent, to extents: inout [Extent]) {
    if let last = extents.last, last.end == extent.offset {
      switch (last.content, extent.content) {
      case (.chunk(let a, let offset), .chunk(let b, let next))
      where a == b && UInt64(offset) + last.length == UInt64(next):
        extents[extents.count - 1].length += extent.length
        return
      case (.staged(let a, let offset), .staged(let b, let next)) where a == b && offset + last.length == next:
        extents[extents.count - 1].length += extent.length
        return
      case (.zeros, .zeros):
        extents[extents.count - 1].length += extent.length
        return
      default: break
      }
    }
    extents.append(extent)
  }

  /// The same content at another place in the file.
  static func moved(_ extent: Extent, to offset: UInt64) -> Extent {
    Extent(offset: offset, length: extent.length, content: extent.content)
  }

  /// Cuts extents at the borders of pages, so that each lies in one.
  static func splitAtPages(_ extents: [Extent]) -> [(page: UInt64, extents: [Extent])] {
    var result: [(page: UInt64, extents: [Extent])] = []
    for extent in extents {
      var start = extent.offset
      while start < extent.end {
        let page = start / ExtentPage.span
        let end = min(extent.end, (page + 1) * ExtentPage.span)
        let piece = slice(extent, from: start, to: end)
        if result.last?.page == page {
          append(piece, to: &result[result.count - 1].extents)
        } else {
          result.append((page, [piece]))
        }
        start = end
      }
    }
    return result
  }
}
