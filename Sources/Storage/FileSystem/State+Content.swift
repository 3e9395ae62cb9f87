import Catalog
import Glibc
import Journal

// How operations on attributes and content change the state.
extension State {
  static let capabilityName = [UInt8]("security.capability".utf8)

  private func dropCapability(_ node: Node) throws(POSIXError) {
    if try extendedAttributes(node)[Self.capabilityName] != nil {
      node.attributes?[Self.capabilityName] = nil
      node.dirtyAttributes.insert(Self.capabilityName)
    }
  }

  func carryOut(_ change: Operation.SetAttributes) throws(POSIXError) {
    let node = try node(change.node)
    if let size = change.size { try resize(node, to: size) }
    if let mode = change.mode {
      node.row.mode = node.type | mode & 0o7777
      if let bytes = try extendedAttributes(node)[AccessControlList.accessName],
        var list = AccessControlList(bytes)
      {
        list.apply(mode: mode)
        node.attributes?[AccessControlList.accessName] = list.bytes
        node.dirtyAttributes.insert(AccessControlList.accessName)
      }
    }
    if let uid = change.uid { node.row.uid = uid }
    if let gid = change.gid { node.row.gid = gid }
    if let time = change.accessed { node.row.accessed = time }
    if let time = change.modified { node.row.modified = time }
    if change.dropsCapability { try dropCapability(node) }
    node.row.changed = change.changed
    touch(node)
  }

  func setExtendedAttribute(
    _ id: NodeID, _ name: [UInt8], _ value: [UInt8]?, _ mode: UInt32?, _ time: Int64
  ) throws(POSIXError) {
    let node = try node(id)
    _ = try extendedAttributes(node)
    node.attributes?[name] = value
    node.dirtyAttributes.insert(name)
    if let mode { node.row.mode = node.type | mode & 0o7777 }
    node.row.changed = time
    touch(node)
  }

  // MARK: Content

  /// Puts extents in the place of what lies in a range of a file, and charges the difference.
  func replaceContent(_ node: Node, _ range: Range<UInt64>, with extents: [Extent]) throws(POSIXError) {
    guard !range.isEmpty else { return }
    var pieces = ExtentMap.splitAtPages(extents)[...]
    var removed: UInt64 = 0
    var added: UInt64 = 0
    // Pages without extents, before or after, are left alone: the range may be as long as a file can be.
    var numbers = Set(pieces.map(\.page))
    let first = range.lowerBound / ExtentPage.span
    let last = (range.upperBound - 1) / ExtentPage.span
    if last - first < 4 {
      for number in first...last { numbers.insert(number) }
    } else {
      numbers.formUnion(try existingPages(node, in: first..<last + 1))
    }
    for number in numbers.sorted() {
      let new = pieces.first?.page == number ? pieces.removeFirst().extents : []
      var list = try page(node, number)
      let start = max(range.lowerBound, number * ExtentPage.span)
      let end = min(range.upperBound, (number + 1) * ExtentPage.span)
      let old = ExtentMap.allocated(list, in: start..<end)
      if old == 0 && new.isEmpty { continue }
      removed += old
      added += new.reduce(0) { $0 + $1.length }
      // Taken out of the dictionary first, so that the list is changed in place and not copied.
      node.pages[number] = nil
      ExtentMap.replace(&list, start..<end, with: new)
      node.pages[number] = list
      node.dirtyPages.insert(number)
    }
    charge(node, added: added, removed: removed)
    touch(node)
  }

  private func charge(_ node: Node, added: UInt64, removed: UInt64) {
    guard added != removed else { return }
    node.row.allocated = node.row.allocated &+ added &- removed
    guard let volume = volumes[node.id.volume] else { return }
    volume.row.usedBytes = volume.row.usedBytes &+ added &- removed
    touch(volume)
  }

  /// Bytes of a range of a file that are not holes.
  func allocated(_ node: Node, in range: Range<UInt64>) throws(POSIXError) -> UInt64 {
    guard !range.isEmpty else { return 0 }
    var total: UInt64 = 0
    let first = range.lowerBound / ExtentPage.span
    let last = (range.upperBound - 1) / ExtentPage.span
    let numbers =
      last - first < 4 ? Array(first...last) : try existingPages(node, in: first..<last + 1)
    for number in numbers { total += ExtentMap.allocated(try page(node, number), in: range) }
    return total
  }

  /// What lies in a range of a file, cut to it.
  func extents(_ node: Node, in range: Range<UInt64>) throws(POSIXError) -> [Extent] {
    guard !range.isEmpty else { return [] }
    let first = range.lowerBound / ExtentPage.span
    let last = (range.upperBound - 1) / ExtentPage.span
    if first == last { return ExtentMap.extents(try page(node, first), in: range) }
    var result: [Extent] = []
    let numbers =
      last - first < 4 ? Array(first...last) : try existingPages(node, in: first..<last + 1)
    for number in numbers { result += ExtentMap.extents(try page(node, number), in: range) }
    return result
  }

  private func resize(_ node: Node, to size: UInt64) throws(POSIXError) {
    // What was allocated past the end goes too, as on ext4 and XFS, even when the length stays the same.
    if size <= node.row.size && node.row.allocated > 0 {
      try replaceContent(node, size..<max(size, FileSystem.largestFile), with: [])
    }
    node.row.size = size
    touch(node)
  }

  func carryOut(_ write: Operation.Write) throws(POSIXError) {
    let node = try node(write.node)
    let length = UInt64(write.length)
    let location = write.location
    let extent = Extent(
      offset: write.offset, length: length, content: .staged(segment: location.segment, offset: location.offset))
    try replaceContent(node, write.offset..<write.offset + length, with: [extent])
    node.row.size = max(node.row.size, write.offset + length)
    try finishChange(node, mode: write.mode, dropsCapability: write.dropsCapability, time: write.time)
  }

  private func finishChange(
    _ node: Node, mode: UInt32?, dropsCapability: Bool, time: Int64
  ) throws(POSIXError) {
    if let mode { node.row.mode = node.type | mode & 0o7777 }
    if dropsCapability { try dropCapability(node) }
    node.row.modified = time
    node.row.changed = time
    touch(node)
  }

  func allocate(
    _ id: NodeID, _ kind: Operation.AllocationKind, _ offset: UInt64, _ length: UInt64, _ time: Int64
  ) throws(POSIXError) {
    let node = try node(id)
    let range = offset..<offset + length
    switch kind {
    case .allocate, .allocateKeepingSize:
      try fillHoles(node, range)
      if kind == .allocate { node.row.size = max(node.row.size, range.upperBound) }
    case .zeroRange, .zeroRangeKeepingSize:
      try replaceContent(node, range, with: [Extent(offset: offset, length: length, content: .zeros)])
      if kind == .zeroRange { node.row.size = max(node.row.size, range.upperBound) }
    case .punchHole: try replaceContent(node, range, with: [])
    case .collapseRange:
      let tail = try extents(node, in: range.upperBound..<max(range.upperBound, node.row.size))
      try replaceContent(
        node, offset..<node.row.size, with: tail.map { ExtentMap.moved($0, to: $0.offset - length) })
      node.row.size -= length
    case .insertRange:
      let tail = try extents(node, in: offset..<node.row.size)
      try replaceContent(
        node, offset..<node.row.size + length, with: tail.map { ExtentMap.moved($0, to: $0.offset + length) })
      node.row.size += length
    }
    node.row.modified = time
    node.row.changed = time
    touch(node)
  }

  /// Gives a range space where it has none; what is there stays.
  private func fillHoles(_ node: Node, _ range: Range<UInt64>) throws(POSIXError) {
    var next = range.lowerBound
    for extent in try extents(node, in: range) {
      if extent.offset > next {
        try replaceContent(
          node, next..<extent.offset, with: [Extent(offset: next, length: extent.offset - next, content: .zeros)])
      }
      next = extent.end
    }
    if next < range.upperBound {
      try replaceContent(
        node, next..<range.upperBound,
        with: [Extent(offset: next, length: range.upperBound - next, content: .zeros)])
    }
  }

  func carryOut(_ copy: Operation.CopyRange) throws(POSIXError) {
    let source = try node(copy.source)
    let destination = try node(copy.destination)
    let shared = try extents(source, in: copy.sourceOffset..<copy.sourceOffset + copy.length).map {
      ExtentMap.moved($0, to: $0.offset - copy.sourceOffset + copy.destinationOffset)
    }
    let range = copy.destinationOffset..<copy.destinationOffset + copy.length
    try replaceContent(destination, range, with: shared)
    destination.row.size = max(destination.row.size, range.upperBound)
    try finishChange(destination, mode: copy.mode, dropsCapability: copy.dropsCapability, time: copy.time)
  }

  func assemble(_ id: NodeID, _ chunks: [Operation.AssembledChunk], _ time: Int64) throws(POSIXError) {
    let node = try node(id)
    var extents: [Extent] = []
    var offset: UInt64 = 0
    for chunk in chunks {
      extents.append(
        Extent(offset: offset, length: UInt64(chunk.length), content: .chunk(chunk.chunk, offset: 0)))
      offset += UInt64(chunk.length)
    }
    try replaceContent(node, 0..<offset, with: extents)
    node.row.size = offset
    node.row.modified = time
    touch(node)
  }
}
