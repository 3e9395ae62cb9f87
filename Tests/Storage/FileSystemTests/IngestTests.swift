import Catalog
import Chunks
import Glibc
import Linux
import Synchronization
import TestSupport
import Testing

@testable import FileSystem

/// Trees of each seed. A soak sets CAIRN_FUZZ.
private let trees = getenv("CAIRN_FUZZ").flatMap { Int(String(cString: $0)) } ?? 100

/// Trees that come in without going through the mount: whole or not at all, whatever a client describes.
@Suite struct IngestTests {
  private func addChunks(_ fileSystem: FileSystem) throws -> [(digest: Digest, content: [UInt8])] {
    try [1, 100, 5_000, 70_000].map { count in
      let content = random(count, seed: UInt64(count))
      return (try content.withUnsafeBytes { try fileSystem.addChunk($0) }, content)
    }
  }

  private func removeAll(_ fileSystem: FileSystem) throws {
    for volume in fileSystem.volumes() { try fileSystem.removeVolume(volume.id) }
  }

  /// What the catalog has of volumes once those that are gone have gone from it, too.
  private func storedVolumes(_ fileSystem: FileSystem) throws -> [VolumeRow] {
    try fileSystem.checkpoint()
    try fileSystem.removeDeadLayers()
    return try fileSystem.catalog.volumes().filter { $0.kind != .skeleton }
  }

  @Test(arguments: testSeeds(4))
  func `a tree comes in as it was described, or not at all`(seed: UInt64) throws {
    let store = RunStore.simulated(SimulatedDisk())
    var fileSystem = try ModelRun.open(store, 100)
    let chunks = try addChunks(fileSystem)
    let contents = Dictionary(uniqueKeysWithValues: chunks.map { ($0.digest, $0.content) })
    var maker = TreeMaker(seed: seed, chunks: chunks)
    var accepted = 0
    var expected: [VolumeID: ExpectedTree] = [:]
    for number in 0..<trees {
      let tree = maker.next()
      let place: Comment = "seed \(seed), tree \(number): \(tree)"
      var request = VolumeRequest(kind: .model, path: maker.random(2) == 0 ? "models/m/\(number)" : nil)
      request.quotaInodes = maker.random(4) == 0 ? 10 : 0
      request.quotaBytes = maker.random(4) == 0 ? 100_000 : 0
      var wanted = ExpectedTree(tree, contents)
      if let found = wanted {
        let isFull = request.quotaInodes > 0 && found.inodes > request.quotaInodes
        if isFull || request.quotaBytes > 0 && found.bytes > request.quotaBytes { wanted = nil }
      }
      do {
        let volume = try fileSystem.ingest(request, tree)
        accepted += 1
        #expect(try wanted == ExpectedTree(of: fileSystem, volume), place)
        #expect(volume.sealed && volume.path == request.path.map { Array($0.utf8) }, place)
        expected[volume.id] = try ExpectedTree(of: fileSystem, volume)
      } catch let error as VolumeError {
        #expect(wanted == nil && error.code == .invalid, "\(place): \(error)")
      }
      #expect(Set(fileSystem.volumes().map(\.id)) == Set(expected.keys), place)
      if number % 50 == 49 {
        #expect(try fileSystem.check(repair: false).findings == [], place)
        fileSystem.close()
        fileSystem = try ModelRun.open(store, 100)
        for volume in fileSystem.volumes() {
          #expect(try expected[volume.id] == ExpectedTree(of: fileSystem, volume), place)
        }
        try removeAll(fileSystem)
        expected = [:]
        #expect(try storedVolumes(fileSystem) == [], place)
        #expect(try fileSystem.check(repair: false).findings == [], place)
        _ = try addChunks(fileSystem)
      }
    }
    // Else nothing is shown.
    #expect(accepted > trees / 4 && accepted < trees)
    fileSystem.close()
    store.discard()
  }

  @Test(arguments: testSeeds(2))
  func `a kill or a power cut while a tree comes in leaves all of it or nothing`(seed: UInt64) throws {
    let disk = SimulatedDisk()
    let store = RunStore.simulated(disk)
    let fileSystem = try ModelRun.open(store, 100)
    let chunks = try addChunks(fileSystem)
    var maker = TreeMaker(seed: seed, chunks: chunks)
    let late = random(3_000, seed: seed)
    let lateDigest = late.withUnsafeBytes { Digest(of: $0) }
    func entry(_ path: String, _ content: IngestEntry.Content) -> IngestEntry {
      IngestEntry(path: Array(path.utf8), content: content, mode: 0o755, uid: 7, gid: 8, modified: 9)
    }
    let tree = [
      entry("", .directory), entry("d", .directory), entry("d/a", .file([chunks[3].digest, chunks[1].digest])),
      entry("d/b", .hardLink(to: Array("d/a".utf8))), entry("d/late", .file([lateDigest])),
      entry("d/s", .symbolicLink(target: [0x61])), entry("d/c", .file([chunks[2].digest])),
    ]
    var contents = Dictionary(uniqueKeysWithValues: chunks.map { ($0.digest, $0.content) })
    contents[lateDigest] = late
    let whole = try #require(ExpectedTree(tree, contents))
    // A chunk that comes when the volume is there already makes the ingest take a checkpoint in its midst.
    let images = Mutex<[SimulatedDisk]>([])
    let isSent = Mutex(false)
    disk.before { call, path in
      images.withLock { $0.append(disk.afterKill()) }
      let isFirst = isSent.withLock { sent in
        defer { sent = sent || call == .write && path.hasPrefix("journal/") }
        return !sent && call == .write && path.hasPrefix("journal/")
      }
      if isFirst { _ = try? late.withUnsafeBytes { try fileSystem.addChunk($0) } }
    }
    let volume = try fileSystem.ingest(VolumeRequest(kind: .model, path: "models/m/1"), tree)
    try fileSystem.synchronizeAll()
    images.withLock { $0.append(disk.afterKill()) }
    disk.before(nil)
    #expect(try ExpectedTree(of: fileSystem, volume) == whole)
    fileSystem.close()

    var wholes = 0
    var sawIncomplete = false
    for (number, image) in images.withLock({ $0 }).enumerated() {
      // nil: a kill, after which everything that was written is there.
      let keeping = [nil, 0, 0.5][maker.random(3)]
      let place: Comment = "seed \(seed), call \(number), keeping \(keeping ?? 1)"
      var generator = SeededGenerator(seed: seed &+ UInt64(number))
      let left = keeping.map { image.afterPowerCut(keeping: $0, using: &generator) } ?? image.afterKill()
      let store = RunStore.simulated(left)
      let fileSystem = try ModelRun.open(store, 100)
      let found = fileSystem.volumes()
      if let volume = found.first {
        #expect(try found.count == 1 && ExpectedTree(of: fileSystem, volume) == whole, place)
        #expect(volume.sealed && volume.path == Array("models/m/1".utf8), place)
        wholes += 1
      } else if fileSystem.lock.withLock({ $0.counters.nextVolume }) > 1 {
        sawIncomplete = true
      }
      #expect(try storedVolumes(fileSystem) == found, place)
      #expect(try fileSystem.check(repair: false).findings == [], place)
      fileSystem.close()
      store.discard()
    }
    #expect(wholes > 0 && sawIncomplete)
    store.discard()
  }

  /// Brings a tree in while one call of the disk fails: the first from there on, the second and so on. False: all calls
  /// were over before it.
  private func ingest(failing number: Int, _ code: Int32, _ refusals: inout Int) throws -> Bool {
    func entry(_ path: String, _ content: IngestEntry.Content) -> IngestEntry {
      IngestEntry(path: Array(path.utf8), content: content, mode: 0o755, uid: 7, gid: 8, modified: 9)
    }
    let disk = SimulatedDisk()
    let store = RunStore.simulated(disk)
    defer { store.discard() }
    let fileSystem = try ModelRun.open(store, 100)
    let chunks = try addChunks(fileSystem)
    let tree = [
      entry("", .directory), entry("d", .directory), entry("d/a", .file(chunks.map(\.digest))),
      entry("d/b", .hardLink(to: Array("d/a".utf8))), entry("s", .symbolicLink(target: [0x61])),
    ]
    let contents = Dictionary(uniqueKeysWithValues: chunks.map { ($0.digest, $0.content) })
    let failing = disk.calls + 1 + number
    let hasFailed = Mutex(false)
    disk.fail { call, _, count in
      guard call != .read, count == failing else { return nil }
      hasFailed.withLock { $0 = true }
      return code
    }
    let place: Comment = "call \(number), errno \(code)"
    let result = Result { try fileSystem.ingest(VolumeRequest(kind: .model, path: "models/m/1"), tree) }
    disk.fail(nil)
    let left = fileSystem.volumes()
    fileSystem.close()
    switch result {
    case .success(let volume): #expect(left == [volume], place)
    case .failure(let error):
      #expect((error as? VolumeError)?.code == .failed && left == [], "\(place): \(error)")
      refusals += 1
    }
    let successor = try ModelRun.open(store, 100)
    defer { successor.close() }
    #expect(successor.volumes() == left, place)
    for volume in left { #expect(try ExpectedTree(of: successor, volume) == ExpectedTree(tree, contents), place) }
    #expect(try storedVolumes(successor) == left, place)
    #expect(try successor.check(repair: false).findings == [], place)
    return hasFailed.withLock { $0 }
  }

  @Test(arguments: [EIO, ENOSPC])
  func `a disk that fails while a tree comes in leaves all of it or nothing`(code: Int32) throws {
    var (number, refusals) = (0, 0)
    while number < 1000, try ingest(failing: number, code, &refusals) { number += 1 }
    #expect(number < 1000 && refusals > 5)
  }

  @Test func `nobody sees a volume before its tree is there`() throws {
    let disk = SimulatedDisk()
    let store = RunStore.simulated(disk)
    let fileSystem = try ModelRun.open(store, 100)
    let told = Mutex<[KernelInvalidation]>([])
    fileSystem.onInvalidation { changes in told.withLock { $0 += changes } }
    let volume = try fileSystem.createIncompleteVolume(VolumeRequest(kind: .model, path: "models/m"))
    #expect(fileSystem.volumes() == [])
    #expect(try fileSystem.usage().volumes == 0)
    let refused: [(FileSystem) throws -> Void] = [
      { _ = try $0.volume(volume.id) }, { try $0.seal(volume.id) }, { try $0.removeVolume(volume.id) },
      { _ = try $0.snapshot(volume.id, path: nil) }, { try $0.setQuota(volume.id, bytes: 1, inodes: 1) },
      { _ = try $0.clone(volume.id, VolumeRequest(kind: .model)) },
    ]
    for call in refused {
      let error = #expect(throws: VolumeError.self) { try call(fileSystem) }
      #expect(error?.code == .notFound)
    }
    let models = try fileSystem.lookup(.root, Array("models".utf8)).node
    // Of the skeleton itself.
    fileSystem.invalidateChanged()
    told.withLock { $0 = [] }
    #expect(throws: POSIXError(ENOENT)) { try fileSystem.lookup(models, [0x6D]) }
    _ = try fileSystem.placeVolume(volume.id, at: "models/m")
    #expect(try fileSystem.lookup(models, [0x6D]).node == NodeID(volume: volume.id, inode: volume.root))
    #expect(
      told.withLock { all in
        all.contains { if case .entry(models, [0x6D]) = $0 { true } else { false } }
      })
    fileSystem.close()
    store.discard()
  }

  @Test func `what a process did not come to tell the kernel the next one tells`() throws {
    let store = RunStore.simulated(SimulatedDisk())
    let fileSystem = try ModelRun.open(store, 100)
    let root = IngestEntry(path: [], content: .directory, mode: 0o755, uid: 0, gid: 0, modified: 0)
    _ = try fileSystem.ingest(VolumeRequest(kind: .model, path: "models/m"), [root])
    let left = try store.afterKill()
    fileSystem.close()
    let successor = try ModelRun.open(left, 100, isTakeover: true)
    let models = try successor.lookup(.root, Array("models".utf8)).node
    let told = Mutex(false)
    successor.onInvalidation { changes in
      let isTold = changes.contains { if case .entry(models, [0x6D]) = $0 { true } else { false } }
      told.withLock { $0 = $0 || isTold }
    }
    successor.invalidateChanged()
    #expect(told.withLock { $0 })
    successor.close()
    left.discard()
    store.discard()
  }

  @Test func `volumes without a path stay, and those that were not finished go`() throws {
    let store = RunStore.simulated(SimulatedDisk())
    var fileSystem = try ModelRun.open(store, 100)
    let root = IngestEntry(path: [], content: .directory, mode: 0o755, uid: 0, gid: 0, modified: 0)
    let kept = [
      try fileSystem.createVolume(VolumeRequest(kind: .workspace)).id,
      try fileSystem.ingest(VolumeRequest(kind: .workspace), [root]).id,
      try fileSystem.snapshot(1, path: nil).id,
    ]
    _ = try fileSystem.createIncompleteVolume(VolumeRequest(kind: .workspace))
    try fileSystem.checkpoint()
    _ = try fileSystem.createIncompleteVolume(VolumeRequest(kind: .workspace))
    fileSystem.close()
    fileSystem = try ModelRun.open(store, 100)
    #expect(fileSystem.volumes().map(\.id) == kept)
    #expect(try storedVolumes(fileSystem).map(\.id) == kept)
    #expect(try fileSystem.check(repair: false).findings == [])
    fileSystem.close()
    store.discard()
  }

  @Test func `a path that is taken while a tree comes in refuses the tree`() throws {
    let store = RunStore.simulated(SimulatedDisk())
    let fileSystem = try ModelRun.open(store, 100)
    let root = IngestEntry(path: [], content: .directory, mode: 0o755, uid: 0, gid: 0, modified: 0)
    let first = try fileSystem.ingest(VolumeRequest(kind: .model, path: "models/m"), [root])
    let error = #expect(throws: VolumeError.self) {
      try fileSystem.ingest(VolumeRequest(kind: .model, path: "models/m"), [root])
    }
    #expect(error?.code == .exists)
    #expect(try storedVolumes(fileSystem) == [first])
    fileSystem.close()
    store.discard()
  }
}
