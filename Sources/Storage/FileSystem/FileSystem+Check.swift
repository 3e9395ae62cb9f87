import Catalog
import Chunks
import Journal
import Linux

/// What a check of the store found.
public struct CheckReport: Equatable, Sendable {
  /// Something that is wrong.
  public struct Finding: Equatable, Sendable {
    /// A sentence without a full stop.
    public var sentence: String
    /// Files that it makes unreadable or unreliable, as they appear under the mount; at most
    /// ``FileSystem/mostPaths``.
    public var paths: [String]

    public init(_ sentence: String, paths: [String] = []) {
      self.sentence = sentence
      self.paths = paths
    }
  }

  public var findings: [Finding] = []
  /// What was mended, a sentence each.
  public var repairs: [String] = []
  public var packs: UInt64 = 0
  public var chunks: UInt64 = 0
  public var bytes: UInt64 = 0
  public var damagedChunks: UInt64 = 0
  public var volumes: UInt64 = 0
  public var inodes: UInt64 = 0
  public var seconds: Double = 0

  public init() {}

  /// Nothing is wrong, or all that was is mended.
  public var isClean: Bool { findings.isEmpty }
}

/// A check reads everything: the catalog's own structure and its counts, the record of every chunk,
/// whose content is hashed, and the tree of every volume. Everything else goes on meanwhile.
///
/// It changes nothing but this: a chunk that can't be read goes into quarantine, as it would when a
/// file is read. A repair mends only what can be derived: lost rows of chunks, from their records in
/// packs; damaged chunks, from copies in packs; counts, from what they count; the quarantine of chunks that
/// can be read after all. It deletes nothing.
extension FileSystem {
  public static let mostPaths = 1000

  /// Chunks that were found damaged or missing, and not stored anew since.
  public var quarantinedChunks: Int { chunkStore.quarantinedCount }

  public func check(repair: Bool) throws(VolumeError) -> CheckReport {
    try describing("check the store") {
      let start = nanosecondsNow()
      var report = CheckReport()
      checkJournal(&report)
      let missing = try checkCatalog(repair: repair, &report)
      var damaged = try checkChunks(repair: repair, &report)
      if repair { restoreFromCopies(&damaged, &report) }
      for chunk in missing { damaged[chunk] = "the catalog has lost chunk \(chunk)" }
      try checkTrees(repair: repair, &report)
      for chunk in try catalog.quarantined() where damaged[chunk.row.id] == nil {
        damaged[chunk.row.id] = chunk.reason
      }
      report.damagedChunks = UInt64(damaged.count)
      try nameFiles(damaged, &report)
      report.seconds = Double(nanosecondsNow() - start) / 1e9
      return report
    }
  }

  /// All that is in the journal must reach the catalog.
  private func checkJournal(_ report: inout CheckReport) {
    do {
      try checkpoint()
      try journal.sync()
    } catch {
      report.findings.append(.init("the journal can't be brought into the catalog: \(error)"))
    }
  }

  /// Returns the chunks that files refer to and that are not there.
  private func checkCatalog(repair: Bool, _ report: inout CheckReport) throws -> Set<ChunkID> {
    var (findings, missing) = try catalog.checkChunkTable()
    if repair && !findings.isEmpty {
      do {
        let wrong = try rebuildChunkTable(missing, &report)
        let before = findings.count
        (findings, missing) = try catalog.checkChunkTable()
        report.repairs.append(
          "counted the references of chunks anew: \(wrong) were wrong, and \(before - findings.count) of "
            + "\(before) findings about the catalog are gone")
      } catch {
        report.findings.append(.init("the table of chunks can't be repaired: \(error)"))
      }
    }
    report.findings += findings.map { CheckReport.Finding($0) }
    return missing
  }

  // MARK: Chunks

  /// Reads every chunk. Returns those that can't be read, with the reasons.
  private func checkChunks(repair: Bool, _ report: inout CheckReport) throws -> [ChunkID: String] {
    var damaged: [ChunkID: String] = [:]
    for pack in try catalog.packUsage() {
      if checkpoints.withLock({ $0.isStopping }) { break }
      report.packs += 1
      var healthy: [ChunkRow] = []
      for row in try catalog.chunks(in: pack.id) {
        report.chunks += 1
        report.bytes += UInt64(row.location.length)
        if let error = try verify(row) {
          chunkStore.quarantine(row, error)
          damaged[row.id] = "\(error)"
        } else if chunkStore.isQuarantined(row) {
          healthy.append(row)
        }
      }
      if repair && !healthy.isEmpty {
        try chunkStore.release(healthy)
        report.repairs.append("released \(healthy.count) chunks of pack \(pack.id) that can be read after all")
      }
    }
    return damaged
  }

  /// nil: the chunk is what was stored, where the catalog says now, or it has gone meanwhile.
  private func verify(_ row: ChunkRow) throws -> ChunkError? {
    var row = row
    while true {
      do throws(ChunkError) {
        try chunkStore.packs.reader(row.location.pack).verify(row.location, row.id, row.digest)
        return nil
      } catch {
        guard error.isDamage else { throw error }
        guard let now = try catalog.chunk(id: row.id) else { return nil }
        if now.location == row.location { return error }
        row = now
      }
    }
  }

  // MARK: Trees

  private func checkTrees(repair: Bool, _ report: inout CheckReport) throws {
    var seen: [[UInt64]: Bool] = [:]
    for volume in try catalog.volumes() {
      // Snapshots that share all of their rows need one look.
      guard seen.updateValue(true, forKey: [volume.layer, volume.root]) == nil || !volume.sealed else { continue }
      guard let tree = try catalog.checkTree(of: volume.id) else { continue }
      report.volumes += 1
      report.inodes += tree.usedInodes
      let chain = lock.withLock { $0.volumes[volume.id]?.chain } ?? [volume.layer]
      for (inode, sentence) in tree.findings {
        let path = try path(of: inode, tree.volume, chain)
        report.findings.append(.init("volume \(volume.id): \(sentence)", paths: [path]))
      }
      if tree.findings.isEmpty { try checkUsage(tree, repair: repair, &report) }
    }
  }

  private func checkUsage(_ tree: TreeCheck, repair: Bool, _ report: inout CheckReport) throws {
    let row = tree.volume
    guard tree.usedBytes != row.usedBytes || tree.usedInodes != row.usedInodes else { return }
    let sentence =
      "volume \(row.id) is said to use \(row.usedBytes) bytes and \(row.usedInodes) inodes, "
      + "and uses \(tree.usedBytes) and \(tree.usedInodes)"
    guard repair else { return report.findings.append(.init(sentence)) }
    lock.withLock { state in
      // The difference stays what it is while files come and go.
      guard let volume = state.volumes[row.id] else { return }
      volume.row.usedBytes = volume.row.usedBytes &+ tree.usedBytes &- row.usedBytes
      volume.row.usedInodes = volume.row.usedInodes &+ tree.usedInodes &- row.usedInodes
      state.touch(volume)
    }
    try checkpoint()
    report.repairs.append("set the usage right: \(sentence)")
  }

  // MARK: Paths

  /// Adds a finding for the chunks that can't be read, with the files that they are in.
  private func nameFiles(_ damaged: [ChunkID: String], _ report: inout CheckReport) throws {
    guard let example = damaged.min(by: { $0.key < $1.key }) else { return }
    let paths = try paths(naming: Set(damaged.keys))
    let count = damaged.count == 1 ? "1 chunk" : "\(damaged.count) chunks"
    report.findings.append(.init("\(count) can't be read; the first: \(example.value)", paths: paths))
  }

  /// The files, in all volumes, whose maps name one of the chunks.
  func paths(naming chunks: Set<ChunkID>) throws -> [String] {
    let uses = try catalog.uses(of: chunks, limit: 10 * Self.mostPaths)
    let volumes = lock.withLock { $0.volumes.values.map { (row: $0.row, chain: $0.chain) } }
    var paths: Set<String> = []
    for use in uses {
      for (row, chain) in volumes where chain.contains(use.layer) && paths.count < Self.mostPaths {
        let extents = try catalog.extentPage(chain, use.inode, page: use.page) ?? []
        let isNamed = extents.contains { if case .chunk(let id, _) = $0.content { chunks.contains(id) } else { false } }
        if isNamed { paths.insert(try path(of: use.inode, row, chain)) }
      }
    }
    return paths.sorted()
  }

  /// Where an inode appears under the mount, as far as the hints lead.
  private func path(of inode: InodeNumber, _ volume: VolumeRow, _ chain: [LayerID]) throws -> String {
    let place = volume.isIncomplete ? nil : volume.path
    let prefix = place.map { String(decoding: $0, as: UTF8.self) } ?? "(volume \(volume.id))"
    var components: [String] = []
    var current = inode
    while current != volume.root && components.count < 4096 {
      guard let row = try catalog.inode(chain, current),
        let name = try catalog.name(of: current, in: row.parent, chain)
      else {
        components.append("(inode \(current))")
        break
      }
      components.append(String(decoding: name, as: UTF8.self))
      current = row.parent
    }
    return ([prefix] + components.reversed()).joined(separator: "/")
  }
}
