/// What was found in a volume's tree of files.
public struct TreeCheck: Sendable {
  public var volume: VolumeRow
  /// Sums over its inodes: what ``VolumeRow/usedInodes`` and ``VolumeRow/usedBytes`` should be.
  public var usedInodes: UInt64 = 0
  public var usedBytes: UInt64 = 0
  /// Names in its directories.
  public var names: UInt64 = 0
  /// What is wrong, each with the inode that it is about.
  public var findings: [(inode: InodeNumber, sentence: String)] = []
}

extension Catalog {
  /// Looks through a volume's inodes and names for contradictions: names that lead nowhere, inodes
  /// without names, wrong link counts. nil: there is no such volume.
  ///
  /// Commits go on meanwhile; it sees one state. Takes some bits of memory for each inode, and 50 bytes
  /// or so for each directory and each file with several names.
  public func checkTree(of volume: VolumeID) throws(CatalogError) -> TreeCheck? {
    try read { (connection) throws(CatalogError) in
      let row = try connection.statement("SELECT \(VolumeRow.columns) FROM volume WHERE id = ?").bind(volume)
        .first { (row) throws(CatalogError) in try VolumeRow(row) }
      guard let row else { return nil }
      var walk = TreeWalk(row, chain: try connection.chain(from: row.layer))
      try walk.inodes(connection)
      try walk.names(connection)
      walk.compare()
      return walk.result
    }
  }
}

extension Connection {
  fileprivate func chain(from top: LayerID) throws(CatalogError) -> [LayerID] {
    var chain = [top]
    let parent = try statement("SELECT parent FROM layer WHERE id = ? AND parent IS NOT NULL")
    while let next = try parent.bind(chain[chain.count - 1]).first({ $0.uint64(0) }), !chain.contains(next) {
      chain.append(next)
    }
    return chain
  }
}

/// The counts that a tree's names must agree with.
private struct TreeWalk {
  private static let directoryType: UInt32 = 0o040000

  var result: TreeCheck
  private let chain: [LayerID]
  private var existing = InodeSet()
  private var directories = InodeSet()
  private var named = InodeSet()
  /// Of each directory, subdirectories yet to be seen.
  private var subdirectories: [InodeNumber: Int64] = [:]
  /// Of each file that has not exactly one name, names yet to be seen; 0 for directories without one.
  private var links: [InodeNumber: Int64] = [:]

  init(_ volume: VolumeRow, chain: [LayerID]) {
    result = TreeCheck(volume: volume)
    self.chain = chain
  }

  private mutating func find(_ inode: InodeNumber, _ sentence: String) {
    // A damaged index makes everything wrong at once; the first thousand say it.
    if result.findings.count < 1000 { result.findings.append((inode, sentence)) }
  }

  mutating func inodes(_ connection: Connection) throws(CatalogError) {
    var decided = InodeSet()
    let select = try connection.statement("SELECT ino, mode, link_count, allocated FROM inode WHERE layer = ?")
    for layer in chain {
      try select.bind(layer).forEach { (row) throws(CatalogError) in
        let inode = row.uint64(0)
        let mode = try row.uint32(1)
        guard decided.insert(inode), mode != 0 else { return }
        existing.insert(inode)
        result.usedInodes += 1
        result.usedBytes &+= row.uint64(3)
        let count = row.int64(2)
        let isDirectory = mode & 0o170000 == Self.directoryType
        if isDirectory { directories.insert(inode) }
        if isDirectory && count > 0 {
          subdirectories[inode] = count - 2
        } else if count != 1 {
          links[inode] = count
        }
      }
    }
  }

  mutating func names(_ connection: Connection) throws(CatalogError) {
    let select = try connection.statement("SELECT parent, cookie, name, node, type FROM dirent WHERE layer = ?")
    let above = try connection.statement("SELECT 1 FROM dirent WHERE layer = ? AND parent = ? AND cookie = ?")
    for (depth, layer) in chain.enumerated() {
      try select.bind(layer).forEach { (row) throws(CatalogError) in
        for upper in chain[..<depth] {
          if try above.bind(upper).bind(row.uint64(0)).bind(row.uint64(1)).first({ _ in true }) != nil { return }
        }
        guard row.uint64(3) != 0 else { return }
        count(row.uint64(0), row.bytes(2), node: row.uint64(3), type: try row.uint32(4))
      }
    }
  }

  private mutating func count(_ parent: InodeNumber, _ name: [UInt8], node: UInt64, type: UInt32) {
    let text = String(decoding: name, as: UTF8.self)
    result.names += 1
    guard directories.contains(parent) else {
      return find(parent, "the name “\(text)” is in inode \(parent), which is no directory")
    }
    if type == Self.directoryType { subdirectories[parent]? &-= 1 }
    guard NodeID(rawValue: node).volume == 0 else { return }
    guard existing.contains(node) else {
      return find(parent, "the name “\(text)” leads to inode \(node), which is not there")
    }
    if directories.contains(node) != (type == Self.directoryType) {
      find(parent, "the name “\(text)” has another type than inode \(node), to which it leads")
    }
    if links[node] != nil {
      links[node]? &-= 1
      named.insert(node)
    } else if !named.insert(node) {
      find(node, "inode \(node) has more names than links; one of them is “\(text)”")
    }
  }

  mutating func compare() {
    for (inode, rest) in subdirectories.sorted(by: { $0.key < $1.key }) where rest != 0 {
      find(inode, "the link count of directory \(inode) is \(rest > 0 ? "too high" : "too low") by \(rest.magnitude)")
    }
    for (inode, rest) in links.sorted(by: { $0.key < $1.key }) where rest != 0 {
      find(inode, "the link count of inode \(inode) is \(rest > 0 ? "too high" : "too low") by \(rest.magnitude)")
    }
    let root = result.volume.root
    for inode in existing.subtracting(named) where inode != root && links[inode] == nil {
      find(inode, "no name leads to inode \(inode)")
    }
    if !directories.contains(root) { find(root, "the root, inode \(root), is not there") }
  }
}

/// Inode numbers, a bit each: they are given out one after the other.
private struct InodeSet {
  private var words: [UInt64: UInt64] = [:]

  func contains(_ inode: InodeNumber) -> Bool { words[inode >> 6, default: 0] >> (inode & 63) & 1 == 1 }

  /// Whether it was not in yet.
  @discardableResult
  mutating func insert(_ inode: InodeNumber) -> Bool {
    let bit: UInt64 = 1 << (inode & 63)
    let isNew = words[inode >> 6, default: 0] & bit == 0
    words[inode >> 6, default: 0] |= bit
    return isNew
  }

  /// In order.
  func subtracting(_ other: InodeSet) -> [InodeNumber] {
    var rest: [InodeNumber] = []
    for (index, word) in words {
      var bits = word & ~other.words[index, default: 0]
      while bits != 0 {
        rest.append(index << 6 | UInt64(bits.trailingZeroBitCount))
        bits &= bits - 1
      }
    }
    return rest.sorted()
  }
}
