import Catalog
import Glibc
import Journal

// What an operation reads from the catalog is read before it is journaled: a catalog that can't be
// read is then an error of that operation, and not a journal that can't be carried out.
extension State {
  func prepare(_ operation: Operation) throws(POSIXError) {
    switch operation {
    case .make(let make):
      if !make.name.isEmpty { try prepareName(make.name, in: make.parent) }
    case .link(_, let parent, let name, _): try prepareName(name, in: parent)
    case .rename(let rename):
      if try entry(try directory(rename.newParent), rename.newName) == nil {
        try prepareName(rename.newName, in: rename.newParent)
      }
    case .setAttributes(let change):
      let node = try node(change.node)
      _ = try extendedAttributes(node)
      if let size = change.size, size <= node.row.size, node.row.allocated > 0 { try loadAllPages(node) }
    case .allocate(let id, let kind, let offset, let length, _):
      let node = try node(id)
      switch kind {
      case .collapseRange, .insertRange: try loadAllPages(node)
      case .allocate, .allocateKeepingSize, .punchHole, .zeroRange, .zeroRangeKeepingSize:
        try prepareContent(node, offset..<offset + length)
      }
    case .copyRange(let copy):
      try prepareContent(try node(copy.source), copy.sourceOffset..<copy.sourceOffset + copy.length)
      try prepareContent(
        try node(copy.destination), copy.destinationOffset..<copy.destinationOffset + copy.length)
    case .write(let write):
      try prepareContent(try node(write.node), write.offset..<write.offset + UInt64(write.length))
    case .createVolume(let row, _), .branchVolume(let row, _, _):
      if let path = row.path, let (parent, name) = try skeletonPlace(path) { try prepareName(name, in: parent.id) }
    case .placeVolume(_, let path, _):
      if let path, let (parent, name) = try skeletonPlace(path) { try prepareName(name, in: parent.id) }
    case .removeVolume(let id):
      if let path = try volume(id).row.path, let (parent, name) = try skeletonPlace(path) {
        _ = try entry(parent, name)
      }
    case .unlink, .setExtendedAttribute, .release, .assemble, .sealVolume, .setQuota: break
    }
  }

  private func prepareName(_ name: [UInt8], in id: NodeID) throws(POSIXError) {
    let parent = try directory(id)
    // Of an operation that was prepared and could not be journaled.
    parent.directory?.prepared = [:]
    parent.directory?.prepared[name] = try freeCookie(parent, name)
  }

  private func prepareContent(_ node: Node, _ range: Range<UInt64>) throws(POSIXError) {
    guard !range.isEmpty else { return }
    let first = range.lowerBound / ExtentPage.span
    let last = (range.upperBound - 1) / ExtentPage.span
    if last - first >= 4 { return try loadAllPages(node) }
    for number in first...last { _ = try page(node, number) }
  }

  private func loadAllPages(_ node: Node) throws(POSIXError) {
    guard !node.hasAllPages else { return }
    _ = try existingPages(node, in: 0..<UInt64.max / ExtentPage.span)
    node.hasAllPages = true
  }
}
