import Linux

/// What the start of a ``PackStore`` did about a pack without a trailer: the process that wrote it died.
public struct PackRecovery: Sendable, Equatable {
  public enum Outcome: Sendable, Equatable {
    /// It was sealed after its last good record.
    case sealed
    /// It had no good record and was removed.
    case removed
    /// The disk failed; the pack was left as it is, and those of its chunks that can be read are.
    case failed(String)
  }

  public var pack: UInt64
  public var outcome: Outcome
  /// Good records.
  public var records: Int
  /// Records that are torn or damaged. Of a pack that was being written to, nothing refers to them.
  public var damagedRecords: Int
}

extension PackStore {
  /// What the packs that are there hold.
  struct Survey {
    var table = PackTable()
    var recoveries: [PackRecovery] = []
    /// Above the numbers of all packs.
    var nextPack: UInt64 = 1
    /// Above the numbers of the chunks in all packs that were looked at.
    var nextChunk: ChunkID = 1

    mutating func count(_ entries: [PackIndexEntry]) {
      // The largest number is no chunk's: nothing could come after it.
      for entry in entries where entry.chunk < .max { nextChunk = max(nextChunk, entry.chunk + 1) }
    }
  }

  /// Looks at the packs, and seals those that are not sealed.
  static func recover(
    _ disk: any Disk, _ storeID: [UInt8], _ known: [UInt64: UInt64]
  ) throws(StoreError) -> Survey {
    let names: [String]
    do {
      if !disk.exists(PackFormat.directory) {
        try disk.makeDirectory(PackFormat.directory)
        try disk.syncDirectory("")
      }
      names = try disk.list(PackFormat.directory)
    } catch {
      throw .disk(error)
    }
    let numbers = names.compactMap(PackFormat.number(ofFile:)).sorted()
    var survey = Survey()
    for number in numbers {
      survey.nextPack = number + 1
      if let bytes = known[number] {
        survey.table.set(number, bytes: bytes, sealed: true)
        continue
      }
      let scanner: PackScanner
      do {
        scanner = try PackScanner(disk: disk, storeID: storeID, pack: number)
      } catch .disk(let error) {
        // One bad sector must not keep all other packs from being used.
        survey.table.set(number, bytes: 0, sealed: false)
        survey.recoveries.append(
          PackRecovery(pack: number, outcome: .failed("\(error)"), records: 0, damagedRecords: 0))
        continue
      }
      if let index = scanner.index {
        survey.count(index)
        survey.table.set(number, bytes: scanner.length, sealed: true)
        continue
      }
      let (recovery, entries, length) = seal(disk, storeID, scanner)
      survey.count(entries)
      survey.recoveries.append(recovery)
      if recovery.outcome != .removed {
        survey.table.set(number, bytes: length, sealed: recovery.outcome == .sealed)
      }
    }
    return survey
  }

  /// Appends run at once, so a record that was synced can stand behind one that never was written:
  /// the pack is cut after its last good record, not before the first bad one.
  private static func seal(
    _ disk: any Disk, _ storeID: [UInt8], _ scanner: PackScanner
  ) -> (PackRecovery, entries: [PackIndexEntry], length: UInt64) {
    let pack = scanner.pack
    let path = PackFormat.path(pack)
    var recovery = PackRecovery(pack: pack, outcome: .sealed, records: 0, damagedRecords: 0)
    var entries: [PackIndexEntry] = []
    do {
      try scanner.scan(payloads: true) { record in
        if record.damage == nil { entries.append(record.indexEntry) } else { recovery.damagedRecords += 1 }
        return true
      }
    } catch {
      recovery.outcome = .failed("\(error)")
      return (recovery, entries, scanner.length)
    }
    recovery.records = entries.count
    do {
      guard let last = entries.last else {
        try disk.remove(path)
        try disk.syncDirectory(PackFormat.directory)
        recovery.outcome = .removed
        return (recovery, [], 0)
      }
      let end = last.offset + RecordHeader.paddedLength(storedLength: last.storedLength)
      let footer = PackFormat.footer(storeID: storeID, pack: pack, end: end, entries: entries)
      let file = try disk.open(path, create: false)
      // First the tail is cut off, so that no old trailer can be left behind the new one.
      try file.truncate(to: end)
      if !scanner.hasGoodHeader { try file.write(PackFormat.header(storeID: storeID, pack: pack), at: 0) }
      try file.write(footer, at: end)
      try file.sync()
      return (recovery, entries, end + UInt64(footer.count))
    } catch {
      recovery.outcome = .failed("\(error)")
      return (recovery, entries, scanner.length)
    }
  }
}
