import Catalog
import TestSupport

@testable import Journal

/// One of each operation, with every field set to something that can be told from the others.
let sampleOperations: [(name: String, operation: Operation)] = makeSamples()

private func makeSamples() -> [(name: String, operation: Operation)] {
  let node = NodeID(volume: 2, inode: 0x0102)
  let parent = NodeID(volume: 2, inode: 0x0304)
  let name = [UInt8]("name".utf8)
  let make = Operation.Make(
    parent: parent, name: name, node: node, mode: 0o100644, uid: 1000, gid: 100, device: 0x0801,
    target: [UInt8]("target".utf8), time: 1_700_000_000_123_456_789,
    extendedAttributes: [.init(name: [UInt8]("user.a".utf8), value: [1, 2, 3])])
  var change = Operation.SetAttributes(node: node, changed: 5)
  change.mode = 0o755
  change.gid = 7
  change.size = 1 << 40
  change.modified = -6
  change.dropsCapability = true
  let volume = VolumeRow(
    id: 3, kind: .artifact, path: [UInt8]("artifacts/p/j".utf8), layer: 9, root: 10, sealed: true, quotaBytes: 11,
    quotaInodes: 12, usedBytes: 13, usedInodes: 14, created: 15, source: 2)
  var result: [(name: String, operation: Operation)] = []
  func add(_ name: String, _ operation: Operation) { result.append((name, operation)) }
  add("make", .make(make))
  add("link", .link(node: node, parent: parent, name: name, time: 1))
  add("unlink", .unlink(parent: parent, name: name, time: 2))
  let rename = Operation.Rename(
    parent: parent, name: name, newParent: node, newName: [0xFF], exchange: true, whiteout: 17, time: 3)
  add("rename", .rename(rename))
  add("setAttributes", .setAttributes(change))
  let staged = Operation.Write(
    node: node, offset: 4096, length: 70_000, time: 4, mode: 0o644, dropsCapability: true,
    source: .staged(location: StagedLocation(segment: 5, offset: 6), checksum: 0xDEAD_BEEF))
  add("writeStaged", .write(staged))
  add("allocate", .allocate(node: node, kind: .collapseRange, offset: 4096, length: 8192, time: 5))
  let copy = Operation.CopyRange(
    source: node, sourceOffset: 1, destination: parent, destinationOffset: 2, length: 3, mode: nil,
    dropsCapability: false, time: 6)
  add("copyRange", .copyRange(copy))
  add("setExtendedAttribute", .setExtendedAttribute(node: node, name: name, value: [9, 8], mode: 0o640, time: 7))
  add("removeExtendedAttribute", .setExtendedAttribute(node: node, name: name, value: nil, mode: nil, time: 7))
  add("release", .release(node: node))
  let chunks = [Operation.AssembledChunk(chunk: 1, length: 65536), Operation.AssembledChunk(chunk: 300, length: 7)]
  add("assemble", .assemble(node: node, chunks: chunks, time: 8))
  let root = Operation.Make(parent: node, name: [], node: node, mode: 0o40755, uid: 1, gid: 2, time: 9)
  add("createVolume", .createVolume(volume: volume, root: root))
  add("branchVolume", .branchVolume(volume: volume, source: 2, sourceLayer: 21))
  add("sealVolume", .sealVolume(3))
  add("setQuota", .setQuota(3, bytes: 1 << 30, inodes: 1000))
  add("removeVolume", .removeVolume(3))
  add("placeVolume", .placeVolume(3, path: [UInt8]("models/m/1".utf8), time: 10))
  add("placeVolumeNowhere", .placeVolume(3, path: nil, time: 10))
  return result
}

/// The operations that a journal brings back, with their numbers.
func recover(
  _ disk: SimulatedDisk, storeID: [UInt8] = testStoreID, applied: LogSequenceNumber = 0
) throws -> (journal: Journal, operations: [(LogSequenceNumber, Operation)]) {
  let journal = try Journal(disk: disk, storeID: storeID, segmentLength: 64 << 10)
  var found: [(LogSequenceNumber, Operation)] = []
  try journal.recover(applied: applied) { sequence, _, operation in found.append((sequence, operation)) }
  return (journal, found)
}

let testStoreID = [UInt8](0..<16)

func removal(_ number: Int) -> Operation {
  .unlink(parent: NodeID(volume: 1, inode: 1), name: [UInt8]("\(number)".utf8), time: Int64(number))
}

func inlineWrite(_ bytes: [UInt8]) -> Operation {
  .write(
    .init(
      node: NodeID(volume: 1, inode: 2), offset: 0, length: UInt32(bytes.count), time: 1, mode: nil,
      dropsCapability: false, source: .inline(location: .init(segment: 0, offset: 0))))
}

extension Journal {
  func appendRemovals(_ numbers: ClosedRange<Int>) throws {
    for number in numbers { _ = try append(removal(number), request: 0) }
  }

  func appendWrite(_ bytes: [UInt8]) throws -> StagedLocation {
    try bytes.withUnsafeBytes { try append(inlineWrite(bytes), request: 0, data: $0).location }
  }

  /// As the file system does with a large write.
  func appendStaged(_ bytes: [UInt8]) throws {
    let reservation = try bytes.withUnsafeBytes { try segments.stage($0) }
    let operation = Operation.write(
      .init(
        node: NodeID(volume: 1, inode: 2), offset: 0, length: UInt32(bytes.count), time: 1, mode: nil,
        dropsCapability: false, source: .staged(location: reservation.location, checksum: reservation.checksum)))
    let sequence = try append(operation, request: 0).sequence
    segments.commit(reservation.location, sequence: sequence)
  }
}
