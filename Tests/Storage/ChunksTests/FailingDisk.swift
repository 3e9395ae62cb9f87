import Glibc
import Linux
import Synchronization

/// A real disk that fails on demand and tells what was synced.
final class FailingDisk: Disk {
  enum Call: Hashable, Sendable { case write, sync, allocate, syncDirectory }

  private struct State {
    var failures: [Call: Int32] = [:]
    /// Bytes written to each file since it was last synced.
    var unsynced: [String: Int] = [:]
    var directoryIsSynced = true
    var onWrite: (@Sendable () -> Void)?
  }

  private let disk: LocalDisk
  private let state = Mutex(State())

  init(_ disk: LocalDisk) { self.disk = disk }

  /// Makes every such call fail, or succeed again with nil.
  func fail(_ call: Call, with code: Int32?) { state.withLock { $0.failures[call] = code } }

  /// Called before each write, on its thread.
  func onWrite(_ hook: (@Sendable () -> Void)?) { state.withLock { $0.onWrite = hook } }

  /// Whether a power cut now could lose anything.
  var isDurable: Bool { state.withLock { $0.directoryIsSynced && $0.unsynced.values.allSatisfy { $0 == 0 } } }

  fileprivate func check(_ call: Call, _ path: String) throws(SystemError) {
    if let code = state.withLock({ $0.failures[call] }) { throw SystemError("\(call)", path, code) }
  }

  fileprivate func willWrite() { state.withLock { $0.onWrite }?() }
  fileprivate func wrote(_ path: String, _ count: Int) { state.withLock { $0.unsynced[path, default: 0] += count } }
  fileprivate func unsynced(_ path: String) -> Int { state.withLock { $0.unsynced[path] ?? 0 } }
  fileprivate func synced(_ path: String, _ count: Int) { state.withLock { $0.unsynced[path, default: 0] -= count } }

  func open(_ path: String, create: Bool) throws(SystemError) -> any DiskFile {
    if create && !disk.exists(path) { state.withLock { $0.directoryIsSynced = false } }
    return FailingFile(disk: self, path: path, file: try disk.open(path, create: create))
  }
  func syncDirectory(_ path: String) throws(SystemError) {
    try check(.syncDirectory, path)
    try disk.syncDirectory(path)
    state.withLock { $0.directoryIsSynced = true }
  }
  func makeDirectory(_ path: String) throws(SystemError) { try disk.makeDirectory(path) }
  func list(_ directory: String) throws(SystemError) -> [String] { try disk.list(directory) }
  func rename(_ from: String, _ to: String) throws(SystemError) { try disk.rename(from, to) }
  func remove(_ path: String) throws(SystemError) {
    try disk.remove(path)
    state.withLock { $0.unsynced[path] = nil }
  }
  func exists(_ path: String) -> Bool { disk.exists(path) }
  func freeBytes() throws(SystemError) -> UInt64 { try disk.freeBytes() }
}

private final class FailingFile: DiskFile {
  let disk: FailingDisk
  let path: String
  let file: any DiskFile

  init(disk: FailingDisk, path: String, file: any DiskFile) {
    self.disk = disk
    self.path = path
    self.file = file
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    try file.read(into: buffer, at: offset)
  }
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) {
    disk.willWrite()
    try disk.check(.write, path)
    try file.write(bytes, at: offset)
    disk.wrote(path, bytes.count)
  }
  func sync() throws(SystemError) {
    // Before, so that what is written during the sync still counts as not synced.
    let count = disk.unsynced(path)
    try disk.check(.sync, path)
    try file.sync()
    disk.synced(path, count)
  }
  func truncate(to length: UInt64) throws(SystemError) { try file.truncate(to: length) }
  func allocate(offset: UInt64, length: UInt64) throws(SystemError) {
    try disk.check(.allocate, path)
    try file.allocate(offset: offset, length: length)
  }
  func punch(offset: UInt64, length: UInt64) throws(SystemError) { try file.punch(offset: offset, length: length) }
  func length() throws(SystemError) -> UInt64 { try file.length() }
}
