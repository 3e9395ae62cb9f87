import Catalog
import Chunks
import Glibc

// What is loaded from the catalog at once, because a statement for neighbouring rows finds them in the pages that
// one for a single row would read too. With ``ChunkStore``'s rows, and longer looks for the next request, 10,000
// small files were read cold and in random order in 97 µs each instead of 135 (three runs in turn).

extension State {
  /// A directory is looked into so often before its other names are loaded too, and so many of them.
  static let singleLookups = 8
  static let namesInAdvance = 1024

  /// Inodes with one number but for the lowest bits, which were made one after the other.
  private static let neighbours: UInt64 = 16
  /// What loading neighbours costs in ``Credit``, a unit of which each use of one of them earns.
  private static let neighbourCost = 4

  /// Brings a node that is not in memory from the catalog.
  func load(_ id: NodeID) throws(POSIXError) -> Node {
    let volume = try volume(id.volume)
    credit.noteMiss()
    // One layer only: of several the rows would have to be merged.
    if volume.chain.count == 1, credit.spend(Self.neighbourCost) { loadNeighbours(of: id, volume.row.layer) }
    if let node = nodes[id] {
      node.isInAdvance = false
      node.isRecent = true
      return node
    }
    guard let row = try read({ (catalog) throws(CatalogError) in try catalog.inode(volume.chain, id.inode) }) else {
      throw POSIXError(ESTALE)
    }
    let node = Node(id: id, row: row, isNew: false)
    keep(node)
    return node
  }

  private func loadNeighbours(of id: NodeID, _ layer: LayerID) {
    let first = id.inode & ~(Self.neighbours - 1)
    // A damaged row must stand in the way of its own inode only: that is loaded by itself then.
    guard let found = try? catalog.inodes(layer, first...first | (Self.neighbours - 1)) else { return }
    for neighbour in found {
      let number = NodeID(volume: id.volume, inode: neighbour.number)
      // What has no name can't be evicted again.
      if nodes[number] != nil || neighbour.row.linkCount == 0 { continue }
      let node = Node(id: number, row: neighbour.row, isNew: false)
      node.isInAdvance = true
      node.isRecent = false
      keep(node)
      guard let extents = neighbour.firstPage, node.isRegular else { continue }
      node.pages[0] = extents
      charge(node, 1 + extents.count / 8)
    }
  }

  func noteUse(ofNeighbour node: Node) {
    node.isInAdvance = false
    credit.earn()
  }

  /// Brings up to `limit` names of a directory into memory, those after a cookie. Returns the last one's cookie,
  /// or nil where that was all: then the directory is complete.
  @discardableResult
  func loadNames(of node: Node, after cookie: UInt64, limit: Int) throws(POSIXError) -> UInt64? {
    guard let directory = node.directory else { throw POSIXError(ENOTDIR) }
    let chain = try volume(node.id.volume).chain
    let found = try read { (catalog) throws(CatalogError) in
      try catalog.entries(chain, node.id.inode, after: cookie, limit: limit)
    }
    let before = directory.entries.count
    for entry in found where directory.entries[entry.cookie] == nil && !directory.isChanged(entry.cookie) {
      directory.insert(entry)
    }
    charge(node, (directory.entries.count - before) / 2)
    if found.count == limit, let last = found.last { return last.cookie }
    directory.isComplete = true
    return nil
  }
}
