import Catalog
import Chunks
import Journal
import Linux

/// Brings the state of a store back: what the catalog has, and then the journal's operations after it.
enum Recovery {
  static func run(
    disk: any Disk, superblock: Superblock, catalog: Catalog, chunkStore: ChunkStore, counters: Counters,
    options: FileSystem.Options
  ) throws -> State {
    let journal = try Journal(disk: disk, storeID: superblock.storeID, segmentLength: options.segmentBytes)
    let state = State(
      catalog: catalog, journal: journal, chunkStore: chunkStore, nameHashKey: superblock.nameHashKey,
      counters: counters, report: options.report)
    try loadVolumes(into: state)
    let applied = counters.appliedSequence
    try journal.recover(applied: applied) { sequence, request, operation in
      if request != 0 { state.answered[request] = operation.answer }
      guard sequence > applied else { return }
      if case .branchVolume = operation {
        // What the source's old top layer is to hold must be there before another one is put on it.
        let checkpoint = Checkpoint(freezing: state)
        try checkpoint.write(catalog: catalog, chunkStore: chunkStore, journal: journal)
        checkpoint.settle(state)
      }
      do throws(POSIXError) {
        try state.carryOut(operation)
      } catch {
        // Going on without it would be another history than the journal's.
        throw StoreError.damaged(
          path: Catalog.fileName,
          reason: "operation \(sequence) of the journal can't be carried out on what it says (errno \(error.code); the "
            + "cause is reported before this). Start again first: it may have been the disk")
      }
      state.trimLargeFiles()
      state.counters.appliedSequence = sequence
    }
    return state
  }

  private static func loadVolumes(into state: State) throws {
    for row in try state.catalog.layers() {
      state.layers[row.id, default: State.Layer()].parent = row.parent
      if let parent = row.parent { state.layers[parent, default: State.Layer()].references += 1 }
    }
    for row in try state.catalog.volumes() {
      var chain = [row.layer]
      while let parent = state.layers[chain[chain.count - 1]]?.parent { chain.append(parent) }
      state.layers[row.layer]?.references += 1
      state.volumes[row.id] = State.Volume(row: row, chain: chain)
    }
  }
}

extension Operation {
  /// What a request that led to the operation is answered with, when the kernel sends it again.
  fileprivate var answer: NodeID {
    switch self {
    case .make(let make): make.node
    case .link(let node, _, _, _): node
    default: .root
    }
  }
}
