import Catalog
import FileSystem
import TestSupport

// What a run does to whole volumes.
extension ModelRun {
  func changeVolumes() throws {
    let id = volume()
    switch random(10) {
    case 0 where model.volumes.count < Self.volumeLimit: try createVolume()
    case 1...3 where model.volumes.count < Self.volumeLimit: try branch(id, isSnapshot: true)
    case 4...6 where model.volumes.count < Self.volumeLimit: try branch(id, isSnapshot: false)
    case 7 where model.volumes.values.filter({ !$0.isSealed }).count > 1: try seal(id)
    case 8: try setQuota(id)
    default:
      if model.volumes.values.filter({ !$0.isSealed }).count > 1 || model.volumes[id]!.isSealed {
        try removeVolume(id)
      }
    }
  }

  func createVolume() throws {
    var request = VolumeRequest(kind: .workspace, path: "volumes/v\(log.count)")
    if generator.next() % 4 == 0 {
      request.quotaBytes = UInt64.random(in: 1 << 16...8 << 20, using: &generator)
      request.quotaInodes = UInt64.random(in: 5...60, using: &generator)
    }
    note("create \(request)")
    let row = try fileSystem.createVolume(request)
    var volume = Model.Volume(root: row.root)
    volume.quotaBytes = request.quotaBytes
    volume.quotaInodes = request.quotaInodes
    var root = Model.Inode(mode: FileType.directory | 0o755, uid: 0, gid: 0)
    root.linkCount = 2
    let id = NodeID(volume: row.id, inode: row.root)
    let real = try fileSystem.attributes(id)
    root.times = .init(accessed: real.accessed, modified: real.modified, changed: real.changed, born: real.born)
    volume.inodes[row.root] = root
    model.volumes[row.id] = volume
    references[id] = 0
    remember()
  }

  func branch(_ id: VolumeID, isSnapshot: Bool) throws {
    note("\(isSnapshot ? "snapshot" : "clone") \(id)")
    let path = generator.next() % 2 == 0 ? "volumes/v\(log.count)" : nil
    let row =
      isSnapshot
      ? try fileSystem.snapshot(id, path: path)
      : try fileSystem.clone(id, VolumeRequest(kind: .workspace, path: path))
    note("  → \(row)")
    var copy = model.volumes[id]!
    copy.isSealed = isSnapshot
    if !isSnapshot { (copy.quotaBytes, copy.quotaInodes) = (0, 0) }
    model.volumes[row.id] = copy
    for (number, inode) in copy.inodes where inode.linkCount > 0 {
      references[NodeID(volume: row.id, inode: number)] = 0
    }
    remember()
  }

  func removeVolume(_ id: VolumeID) throws {
    note("remove volume \(id)")
    try fileSystem.removeVolume(id)
    model.volumes[id] = nil
    references = references.filter { $0.key.volume != id }
    remember()
  }

  func seal(_ id: VolumeID) throws {
    note("seal \(id)")
    try fileSystem.seal(id)
    model.volumes[id]!.isSealed = true
    remember()
  }

  func setQuota(_ id: VolumeID) throws {
    let used = model.volumes[id]!.usedBytes
    let bytes: UInt64 = generator.next() % 2 == 0 ? 0 : used + UInt64.random(in: 0...1 << 20, using: &generator)
    let inodes: UInt64 = generator.next() % 2 == 0 ? 0 : UInt64.random(in: 1...50, using: &generator)
    note("quota of \(id): \(bytes) bytes, \(inodes) inodes")
    try fileSystem.setQuota(id, bytes: bytes, inodes: inodes)
    model.volumes[id]!.quotaBytes = bytes
    model.volumes[id]!.quotaInodes = inodes
    remember()
  }
}
