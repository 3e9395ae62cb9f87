import Catalog

// What is clean in memory is a cache of the catalog, and goes when there is too much.

extension State {
  /// Nodes in the order in which a hand goes round them, for ever.
  ///
  /// A list of its own, because the dictionary's order will not do: whoever removes from its first places and
  /// adds everywhere fills the last ones until each look into them is a long search.
  struct Eviction {
    /// All in memory, and some that are gone from it already.
    fileprivate(set) var ring: [Node] = []
    fileprivate var hand = 0
    /// Sum of what the nodes of the ring are charged.
    fileprivate(set) var weight = 0
    /// Steps since a node could go.
    fileprivate var idleSteps = 0
    /// Nothing is tried below this weight: nothing could go when it was tried last.
    fileprivate var resumption = 0
  }

  /// Steps of the hand in one operation, so that none waits for long.
  private static let stepsAtOnce = 32

  /// Puts a node in memory.
  func keep(_ node: Node) {
    nodes[node.id] = node
    eviction.ring.append(node)
    charge(node, 1)
  }

  /// Counts what a node takes in addition. What it has been charged is set right when the hand comes by.
  func charge(_ node: Node, _ weight: Int) {
    node.charged += weight
    eviction.weight += weight
  }

  /// What was changed has come into the catalog, and may go.
  func resumeEviction() { eviction.resumption = 0 }

  /// Evicts nodes that are only a cache until the weight is within `limit`, giving each a second chance.
  func evict(limit: Int) {
    if !largeFiles.isEmpty { trimLargeFiles() }
    guard eviction.weight > max(limit, eviction.resumption) else { return }
    var steps = 0
    while eviction.weight > limit, steps < Self.stepsAtOnce, !eviction.ring.isEmpty {
      steps += 1
      if eviction.hand >= eviction.ring.count { eviction.hand = 0 }
      let node = eviction.ring[eviction.hand]
      if nodes[node.id] !== node {
        dropFromRing(node)
      } else if !node.isRecent && node.canBeEvicted && node.id != .root {
        nodes[node.id] = nil
        dropFromRing(node)
        eviction.idleSteps = 0
      } else {
        node.isRecent = false
        charge(node, node.weight - node.charged)
        eviction.hand += 1
        eviction.idleSteps += 1
      }
    }
    // Twice round, for the second chances: what is left has changed, and stays until a checkpoint.
    if eviction.idleSteps > 2 * eviction.ring.count {
      eviction.idleSteps = 0
      eviction.resumption = eviction.weight + limit / 8
    }
  }

  /// Lets go of what an operation loaded of the maps of large files. Not before it is over: what it found
  /// when it was prepared must be there when it is carried out.
  func trimLargeFiles() {
    for node in largeFiles where node.pages.count > Self.mostPages {
      node.pages = node.pages.filter { node.dirtyPages.contains($0.key) || node.frozenPages.contains($0.key) }
      node.hasAllPages = false
    }
    largeFiles = []
  }

  /// Takes the node at the hand out of the ring.
  private func dropFromRing(_ node: Node) {
    eviction.weight -= node.charged
    node.charged = 0
    eviction.ring.swapAt(eviction.hand, eviction.ring.count - 1)
    eviction.ring.removeLast()
  }
}
