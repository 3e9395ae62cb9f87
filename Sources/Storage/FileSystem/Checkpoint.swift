import Catalog
import Chunks
import Journal
import Linux

/// A checkpoint brings what changed in memory into the catalog, in three steps: the changes are
/// frozen (copied, under the lock), written (chunked, made durable and committed, without it), and
/// settled (under the lock again: memory now refers to chunks instead of staged bytes).
///
/// The catalog then is the state after exactly the operations up to one number, and the journal
/// before it can go. One checkpoint runs at a time; one that can't be written, for lack of space say,
/// is kept and tried again before the next begins.
///
/// @unchecked Sendable: only the thread that runs the checkpoint uses it, and `nodes` refers to nodes
/// only in the initialiser and in ``settle(_:)``, under the file system's lock.
final class Checkpoint: @unchecked Sendable {
  /// A changed node as it was.
  private struct FrozenNode {
    let node: Node
    let layer: LayerID
    let isInLowerLayers: Bool
    let row: InodeRow
    let isDeleted: Bool
    var pages: [(number: UInt64, extents: [Extent])]
    /// By cookie; nil: the name is gone.
    let entries: [(cookie: UInt64, name: [UInt8], entry: DirectoryEntry?)]
    let attributes: [(name: [UInt8], value: [UInt8]?)]
  }

  let counters: Counters
  private var nodes: [FrozenNode] = []
  private let volumes: [VolumeRow]
  private let dirty: State.DirtySet
  private var newChunks: [ChunkRow] = []
  private var translation = StagedTranslation()

  /// Whether there is anything to write.
  var isEmpty: Bool { dirty.isEmpty }

  /// Copies what is dirty, which is clean from then on and pinned until ``settle(_:)``.
  init(freezing state: State) {
    counters = state.counters
    dirty = state.dirty
    volumes = state.dirty.volumes.sorted().compactMap { state.volumes[$0]?.row }
    nodes.reserveCapacity(dirty.nodes.count)
    for node in dirty.nodes {
      node.isDirty = false
      guard let volume = state.volumes[node.id.volume] else {
        // The volume is gone; its rows go with its layer.
        if node.pins == 0 { state.nodes[node.id] = nil }
        continue
      }
      nodes.append(Self.freeze(node, in: volume))
    }
    state.dirty = State.DirtySet()
  }

  private static func freeze(_ node: Node, in volume: State.Volume) -> FrozenNode {
    node.pins += 1
    var entries: [(cookie: UInt64, name: [UInt8], entry: DirectoryEntry?)] = []
    if let directory = node.directory {
      for (cookie, name) in directory.dirty { entries.append((cookie, name, directory.entries[cookie])) }
      directory.frozen = directory.dirty
      directory.dirty = [:]
    }
    let pages = node.dirtyPages.sorted().map { (number: $0, extents: node.pages[$0] ?? []) }
    node.frozenPages = node.dirtyPages
    node.dirtyPages = []
    let attributes = node.dirtyAttributes.map { (name: $0, value: node.attributes?[$0]) }
    node.dirtyAttributes = []
    return FrozenNode(
      node: node, layer: volume.row.layer, isInLowerLayers: volume.isInLowerLayers(node.id.inode), row: node.row,
      isDeleted: node.isDeleted, pages: pages, entries: entries, attributes: attributes)
  }

  /// Chunks the staged bytes, makes them durable, and commits everything to the catalog.
  func write(catalog: Catalog, chunkStore: ChunkStore, journal: Journal) throws {
    try chunkContent(chunkStore, journal)
    var batch = CatalogBatch(counters: counters)
    let pending = try chunkStore.makePendingDurable()
    if !pending.healed.isEmpty {
      try catalog.heal(pending.healed.map { ($0.id, $0.location) }, packs: pending.packs)
    }
    newChunks = pending.chunks + pending.healed
    batch.chunks = pending.chunks
    batch.packs = pending.packs
    batch.counters.nextChunk = chunkStore.nextChunk
    batch.counters.nextPack = chunkStore.packs.nextPack
    batch.volumes = volumes
    batch.volumeRemovals = dirty.removedVolumes
    batch.layers = dirty.addedLayers
    batch.layerRemovals = dirty.removedLayers
    let dead = Set(dirty.removedLayers)
    for frozen in nodes where !dead.contains(frozen.layer) { add(frozen, to: &batch) }
    let lost = try catalog.commit(batch)
    if let chunk = lost.first {
      chunkStore.report(
        "files refer to \(lost.count) chunks more that the catalog has lost, the first of them chunk \(chunk): "
          + "run `cairn storage check --repair`")
    }
    chunkStore.settle(newChunks)
  }

  private func add(_ frozen: FrozenNode, to batch: inout CatalogBatch) {
    let layer = frozen.layer
    let number = frozen.node.id.inode
    if frozen.isDeleted {
      // It was empty, so all that is left of its names is that they are gone.
      for (cookie, _, _) in frozen.entries { batch.entryRemovals.append((layer, number, cookie)) }
      if frozen.isInLowerLayers {
        batch.inodes.append(
          (layer, number, InodeRow(mode: 0, uid: 0, gid: 0, linkCount: 0)))
      } else {
        batch.inodeRemovals.append((layer, number))
      }
      return
    }
    batch.inodes.append((layer, number, frozen.row))
    for (page, extents) in frozen.pages {
      let isRowNeeded = !extents.isEmpty || frozen.isInLowerLayers
      batch.extentPages.append((layer, number, page, isRowNeeded ? extents : nil))
    }
    for (cookie, name, entry) in frozen.entries {
      if let entry {
        batch.entries.append((layer, number, entry))
      } else if frozen.isInLowerLayers {
        batch.entries.append((layer, number, DirectoryEntry(cookie: cookie, name: name, node: 0, type: 0)))
      } else {
        batch.entryRemovals.append((layer, number, cookie))
      }
    }
    for (name, value) in frozen.attributes {
      if value != nil || frozen.isInLowerLayers {
        batch.attributes.append((layer, number, name, value))
      } else {
        batch.attributeRemovals.append((layer, number, name))
      }
    }
  }

  /// Replaces staged extents by chunks in the frozen copies, and notes what became what.
  private func chunkContent(_ chunkStore: ChunkStore, _ journal: Journal) throws {
    let chunking = ContentChunking(chunkStore: chunkStore, segments: journal.segments)
    let work = nodes.indices.filter { !nodes[$0].isDeleted && ContentChunking.isNeeded(nodes[$0].pages.map(\.extents)) }
    let results = try inParallel(work.count) { index in
      let frozen = nodes[work[index]]
      return try chunking.run(frozen.pages, fileSize: frozen.row.size)
    }
    for (index, pages) in zip(work, results) {
      for (old, new) in zip(nodes[index].pages, pages) { translation.add(old.extents, became: new.extents) }
      nodes[index].pages = pages
    }
    translation.prepare()
  }

  /// Memory refers to chunks now, and nothing is pinned any more.
  func settle(_ state: State) {
    // Bytes that were staged before the freeze can be referred to by what was frozen and by what
    // changed since (a copy, a shift), and by nothing else.
    for frozen in nodes {
      adopt(frozen)
      translate(frozen.node)
    }
    for node in state.dirty.nodes { translate(node) }
    for frozen in nodes { unpin(frozen.node, state) }
    state.resumeEviction()
  }

  /// Pages that did not change since the freeze are as they were written. What lay beside the staged
  /// bytes may have been cut anew with them, and the chunks that it was are garbage now.
  private func adopt(_ frozen: FrozenNode) {
    let node = frozen.node
    for (number, extents) in frozen.pages where node.pages[number] != nil && !node.dirtyPages.contains(number) {
      node.pages[number] = extents
    }
  }

  private func translate(_ node: Node) {
    guard !translation.isEmpty, node.isRegular else { return }
    for number in node.frozenPages.union(node.dirtyPages) {
      guard let extents = node.pages[number], let new = translation.apply(extents) else { continue }
      node.pages[number] = new
    }
  }

  private func unpin(_ node: Node, _ state: State) {
    node.pins -= 1
    node.frozenPages = []
    node.directory?.frozen = [:]
    if node.pages.count > State.mostPages / 2 { node.hasAllPages = false }
    if node.isDeleted && !node.isDirty && node.pins == 0 { state.nodes[node.id] = nil }
  }
}
