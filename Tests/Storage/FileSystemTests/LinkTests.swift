import Catalog
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import FileSystem

/// Symbolic links beside volumes.
@Suite struct LinkTests {
  private func lookup(_ fileSystem: FileSystem, _ path: String) throws -> NodeID {
    try path.split(separator: "/").reduce(.root) { try fileSystem.lookup($0, Array($1.utf8)).node }
  }

  private func target(_ fileSystem: FileSystem, _ path: String) throws -> String {
    String(decoding: try fileSystem.readLink(lookup(fileSystem, path)), as: UTF8.self)
  }

  @Test func aLinkLeadsToAVolumeAndIsTurnedInOneStep() throws {
    let store = try TestStore()
    let fileSystem = store.fileSystem
    _ = try store.makeVolume("models/m/1")
    _ = try store.makeVolume("models/m/2")
    try fileSystem.setLink("models/m/champion", to: "1")
    #expect(try target(fileSystem, "models/m/champion") == "1")
    fileSystem.invalidateChanged()
    let told = Mutex<[KernelInvalidation]>([])
    fileSystem.onInvalidation { changes in told.withLock { $0 += changes } }
    let directory = try lookup(fileSystem, "models/m")
    try fileSystem.setLink("models/m/champion", to: "2")
    #expect(try target(fileSystem, "models/m/champion") == "2")
    // The kernel knew the old one by this name.
    #expect(
      told.withLock { all in
        all.contains { if case .entry(directory, Array("champion".utf8)) = $0 { true } else { false } }
      })
    #expect(throws: POSIXError(ENOENT)) { try lookup(fileSystem, "models/m/.new-link") }
    try fileSystem.setLink("models/m/champion", to: "2")
    let killed = try TestStore(copyOf: store)
    #expect(try target(killed.fileSystem, "models/m/champion") == "2")
    #expect(try killed.fileSystem.check(repair: false).findings.isEmpty)
  }

  @Test func directoriesGoWithTheLastOfWhatIsInThem() throws {
    let store = try TestStore()
    let fileSystem = store.fileSystem
    _ = try store.makeVolume("models/m/1")
    try fileSystem.setLink("models/m/latest", to: "1")
    let volume = try #require(fileSystem.volumes().first { $0.path == Array("models/m/1".utf8) })
    try fileSystem.removeVolume(volume.id)
    #expect(try target(fileSystem, "models/m/latest") == "1")
    try fileSystem.removeLink("models/m/latest")
    #expect(throws: POSIXError(ENOENT)) { try lookup(fileSystem, "models/m") }
    try fileSystem.removeLink("models/m/latest")
    try store.reopen()
    #expect(throws: POSIXError(ENOENT)) { try lookup(store.fileSystem, "models/m") }
  }

  @Test(arguments: [
    ("models/m", "1"), ("models", "1"), ("etc/m/a", "1"), ("models/../a", "1"), ("models/m/1", "2"),
    ("models/m/a", ""), ("models/m/a", ".."), ("models/m/a", "../x"), ("models/m/a", "/etc"), ("models/m/1/a", "x"),
  ])
  func aLinkThatWouldLeadElsewhereIsRefused(_ path: String, _ target: String) throws {
    let store = try TestStore()
    _ = try store.makeVolume("models/m/1")
    let error = #expect(throws: VolumeError.self) { try store.fileSystem.setLink(path, to: target) }
    #expect(error?.code == .invalid || error?.code == .exists)
  }

  @Test func aVolumeIsNoLinkToRemove() throws {
    let store = try TestStore()
    _ = try store.makeVolume("models/m/1")
    #expect(throws: VolumeError.self) { try store.fileSystem.removeLink("models/m/1") }
    #expect(try lookup(store.fileSystem, "models/m/1").volume != 0)
  }
}
