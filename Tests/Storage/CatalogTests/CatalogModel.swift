import Catalog
import Chunks

/// The catalog as plain dictionaries, resolved in the most obvious way: what the real one is
/// compared with.
struct CatalogModel {
  struct Key: Hashable {
    var layer: LayerID
    var number: InodeNumber
    /// Cookie or page; 0 for an inode.
    var position: UInt64 = 0
  }

  var inodes: [Key: InodeRow] = [:]
  var entries: [Key: DirectoryEntry] = [:]
  var extents: [Key: [Extent]] = [:]

  mutating func apply(_ batch: CatalogBatch) {
    let deleted = batch.inodes.filter { $0.row.mode == 0 }.map { ($0.layer, $0.number) }
    for (layer, number) in batch.inodeRemovals + deleted {
      inodes[Key(layer: layer, number: number)] = nil
      extents = extents.filter { $0.key.layer != layer || $0.key.number != number }
    }
    for (layer, number, row) in batch.inodes { inodes[Key(layer: layer, number: number)] = row }
    for (layer, parent, cookie) in batch.entryRemovals {
      entries[Key(layer: layer, number: parent, position: cookie)] = nil
    }
    for (layer, parent, entry) in batch.entries {
      entries[Key(layer: layer, number: parent, position: entry.cookie)] = entry
    }
    for (layer, number, page, map) in batch.extentPages {
      extents[Key(layer: layer, number: number, position: page)] = map
    }
  }

  mutating func remove(layer: LayerID) {
    inodes = inodes.filter { $0.key.layer != layer }
    entries = entries.filter { $0.key.layer != layer }
    extents = extents.filter { $0.key.layer != layer }
  }

  func inode(_ chain: [LayerID], _ number: InodeNumber) -> InodeRow? {
    let row = chain.lazy.compactMap { inodes[Key(layer: $0, number: number)] }.first
    return row?.mode == 0 ? nil : row
  }

  func entries(_ chain: [LayerID], _ parent: InodeNumber) -> [DirectoryEntry] {
    var seen: [UInt64: DirectoryEntry] = [:]
    for layer in chain.reversed() {
      for (key, entry) in entries where key.layer == layer && key.number == parent { seen[key.position] = entry }
    }
    return seen.values.filter { $0.node != 0 }.sorted { $0.cookie < $1.cookie }
  }

  func pages(_ chain: [LayerID], _ number: InodeNumber) -> [UInt64: [Extent]] {
    var seen: [UInt64: [Extent]] = [:]
    for layer in chain.reversed() {
      for (key, map) in extents where key.layer == layer && key.number == number { seen[key.position] = map }
    }
    return seen
  }

  /// How often each chunk is referred to.
  var references: [ChunkID: Int] {
    var references: [ChunkID: Int] = [:]
    for extent in extents.values.joined() {
      if case .chunk(let chunk, _) = extent.content { references[chunk, default: 0] += 1 }
    }
    return references
  }
}
