import CSQLite
import Glibc
import Linux
import Synchronization

/// Lets SQLite keep its files on a ``SimulatedDisk``: databases under a ``mount(_:)``ed path are there,
/// all others on the real disk. It becomes the default VFS of the process, so that what opens a
/// database need not know of it.
///
/// Shared memory is plain memory here, and locks are counts: all connections are in one process. See
/// https://www.sqlite.org/vfs.html.
public enum SimulatedSQLite {
  /// Gives a disk a path. Databases are opened under it from now on.
  public static func mount(_ disk: SimulatedDisk) -> String {
    _ = registration
    return shared.withLock { state in
      state.next += 1
      let path = "/simulated/\(state.next)"
      state.disks[path] = disk
      return path
    }
  }

  public static func unmount(_ path: String) {
    shared.withLock { state in
      state.disks[path] = nil
      state.files = state.files.filter { !$0.key.hasPrefix(path + "/") }
    }
  }

  fileprivate struct Shared {
    var disks: [String: SimulatedDisk] = [:]
    var next = 0
    var files: [String: SharedFile] = [:]
  }

  fileprivate static let shared = Mutex(Shared())

  /// The disk that a path leads to, and the path there.
  fileprivate static func find(_ path: String) -> (disk: SimulatedDisk, path: String)? {
    guard path.hasPrefix("/simulated/") else { return nil }
    let parts = path.split(separator: "/", maxSplits: 2)
    guard parts.count == 3, let disk = shared.withLock({ $0.disks["/simulated/\(parts[1])"] }) else { return nil }
    return (disk, String(parts[2]))
  }

  fileprivate static func sharedFile(_ path: String) -> SharedFile {
    shared.withLock { state in
      if let file = state.files[path] { return file }
      let file = SharedFile()
      state.files[path] = file
      return file
    }
  }

  /// The VFS that was the default before. It and the new one live as long as the process.
  nonisolated(unsafe) fileprivate static let original: UnsafeMutablePointer<sqlite3_vfs> = sqlite3_vfs_find(nil)!

  private static let registration: Void = {
    let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    vfs.initialize(to: original.pointee)
    vfs.pointee.zName = UnsafePointer(strdup("cairn-simulated"))
    vfs.pointee.pNext = nil
    vfs.pointee.szOsFile = max(original.pointee.szOsFile, Int32(MemoryLayout<Handle>.size))
    vfs.pointee.xOpen = { _, name, file, flags, outFlags in open(name, file, flags, outFlags) }
    vfs.pointee.xDelete = { _, name, sync in
      guard let name, let place = find(String(cString: name)) else {
        return original.pointee.xDelete(original, name, sync)
      }
      do throws(SystemError) {
        try place.disk.remove(place.path)
        if sync != 0 { try place.disk.syncDirectory("") }
        return SQLITE_OK
      } catch {
        return error.code == ENOENT ? DiskError.deleteOfNothing : DiskError.delete
      }
    }
    vfs.pointee.xAccess = { _, name, flags, result in
      guard let name, let place = find(String(cString: name)) else {
        return original.pointee.xAccess(original, name, flags, result)
      }
      result!.pointee = place.disk.exists(place.path) ? 1 : 0
      return SQLITE_OK
    }
    vfs.pointee.xFullPathname = { _, name, count, output in
      guard let name, String(cString: name).hasPrefix("/simulated/") else {
        return original.pointee.xFullPathname(original, name, count, output)
      }
      strncpy(output!, name, Int(count))
      return SQLITE_OK
    }
    sqlite3_vfs_register(vfs, 1)
  }()

  private static func open(
    _ name: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ outFlags: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    guard let name, let place = find(String(cString: name)) else {
      return original.pointee.xOpen(original, name, file, flags, outFlags)
    }
    file!.pointee.pMethods = nil
    do throws(SystemError) {
      let isNew = !place.disk.exists(place.path)
      let opened = try place.disk.open(place.path, create: flags & SQLITE_OPEN_CREATE != 0)
      let context = OpenDatabaseFile(
        disk: place.disk, file: opened, shared: sharedFile(String(cString: name)),
        needsDirectorySync: isNew && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL) != 0)
      UnsafeMutableRawPointer(file!).initializeMemory(
        as: Handle.self,
        to: Handle(base: sqlite3_file(pMethods: ioMethods), context: Unmanaged.passRetained(context).toOpaque()))
      outFlags?.pointee = flags
      return SQLITE_OK
    } catch {
      return SQLITE_CANTOPEN
    }
  }
}

/// SQLITE_IOERR_READ and so on, which are macros that Swift can't import.
private enum DiskError {
  static let read = SQLITE_IOERR | 1 << 8
  static let shortRead = SQLITE_IOERR | 2 << 8
  static let write = SQLITE_IOERR | 3 << 8
  static let sync = SQLITE_IOERR | 4 << 8
  static let truncate = SQLITE_IOERR | 6 << 8
  static let status = SQLITE_IOERR | 7 << 8
  static let delete = SQLITE_IOERR | 10 << 8
  static let deleteOfNothing = SQLITE_IOERR | 23 << 8
}

/// What SQLite allocates for a file.
private struct Handle {
  var base: sqlite3_file
  var context: UnsafeMutableRawPointer
}

/// What the connections to one file share: locks and memory.
private final class SharedFile: @unchecked Sendable {
  // @unchecked: `state` is touched under the mutex only; the memory of regions is SQLite's to guard, and
  // lives until the last reference goes.
  struct State {
    var shared = 0
    var hasReserved = false
    var hasPending = false
    var hasExclusive = false
    var memoryShared = [Int](repeating: 0, count: 8)
    var memoryExclusive = [Bool](repeating: false, count: 8)
    var regions: [UnsafeMutableRawPointer] = []
    var mappings = 0
  }

  private let mutex = Monitor(State())

  func withLock<Result>(_ body: (inout State) -> Result) -> Result { mutex.withLock(body) }

  deinit { mutex.withLock { for region in $0.regions { region.deallocate() } } }
}

private final class OpenDatabaseFile {
  let disk: SimulatedDisk
  let file: any DiskFile
  let shared: SharedFile
  var needsDirectorySync: Bool
  var lock = SQLITE_LOCK_NONE
  var isMapped = false

  init(disk: SimulatedDisk, file: any DiskFile, shared: SharedFile, needsDirectorySync: Bool) {
    self.disk = disk
    self.file = file
    self.shared = shared
    self.needsDirectorySync = needsDirectorySync
  }

  /// As in os_unix.c: SHARED, then RESERVED, and EXCLUSIVE through PENDING.
  func lock(_ wanted: Int32) -> Int32 {
    if lock >= wanted { return SQLITE_OK }
    return shared.withLock { state in
      switch wanted {
      case SQLITE_LOCK_SHARED:
        if state.hasPending || state.hasExclusive { return SQLITE_BUSY }
        state.shared += 1
      case SQLITE_LOCK_RESERVED:
        if state.hasReserved { return SQLITE_BUSY }
        state.hasReserved = true
      default:
        if lock < SQLITE_LOCK_RESERVED {
          if state.hasReserved { return SQLITE_BUSY }
          state.hasReserved = true
          lock = SQLITE_LOCK_RESERVED
        }
        state.hasPending = true
        lock = SQLITE_LOCK_PENDING
        if state.shared > 1 { return SQLITE_BUSY }
        state.hasExclusive = true
      }
      lock = wanted
      return SQLITE_OK
    }
  }

  func unlock(_ wanted: Int32) {
    if lock <= wanted { return }
    shared.withLock { state in
      if lock >= SQLITE_LOCK_RESERVED { state.hasReserved = false }
      if lock >= SQLITE_LOCK_PENDING { state.hasPending = false }
      if lock == SQLITE_LOCK_EXCLUSIVE { state.hasExclusive = false }
      if wanted == SQLITE_LOCK_NONE { state.shared -= 1 }
    }
    lock = wanted
  }

  func lockMemory(_ range: Range<Int>, _ flags: Int32) -> Int32 {
    shared.withLock { state in
      let isExclusive = flags & SQLITE_SHM_EXCLUSIVE != 0
      for slot in range {
        if flags & SQLITE_SHM_UNLOCK != 0 {
          if isExclusive { state.memoryExclusive[slot] = false } else { state.memoryShared[slot] -= 1 }
        } else if state.memoryExclusive[slot] || (isExclusive && state.memoryShared[slot] > 0) {
          // None of the range was taken: an exclusive lock looks at all before it takes any.
          return SQLITE_BUSY
        }
      }
      if flags & SQLITE_SHM_LOCK != 0 {
        for slot in range {
          if isExclusive { state.memoryExclusive[slot] = true } else { state.memoryShared[slot] += 1 }
        }
      }
      return SQLITE_OK
    }
  }

  func map(_ region: Int, size: Int, extend: Bool) -> UnsafeMutableRawPointer? {
    shared.withLock { state in
      if !isMapped {
        isMapped = true
        state.mappings += 1
      }
      while extend && state.regions.count <= region {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        memset(memory, 0, size)
        state.regions.append(memory)
      }
      return region < state.regions.count ? state.regions[region] : nil
    }
  }

  func unmap() {
    guard isMapped else { return }
    isMapped = false
    shared.withLock { state in
      state.mappings -= 1
      // As the file of the shared memory goes with its last user.
      guard state.mappings == 0 else { return }
      for region in state.regions { region.deallocate() }
      state.regions = []
    }
  }
}

private func context(_ file: UnsafeMutablePointer<sqlite3_file>?) -> OpenDatabaseFile {
  let handle = UnsafeMutableRawPointer(file!).assumingMemoryBound(to: Handle.self)
  return Unmanaged<OpenDatabaseFile>.fromOpaque(handle.pointee.context).takeUnretainedValue()
}

private func code(_ error: SystemError, _ other: Int32) -> Int32 { error.code == ENOSPC ? SQLITE_FULL : other }

// Set up once and never changed.
nonisolated(unsafe) private let ioMethods: UnsafeMutablePointer<sqlite3_io_methods> = {
  var methods = sqlite3_io_methods()
  methods.iVersion = 2
  methods.xClose = { file in
    let context = context(file)
    context.unlock(SQLITE_LOCK_NONE)
    context.unmap()
    Unmanaged.passUnretained(context).release()
    return SQLITE_OK
  }
  methods.xRead = { file, buffer, count, offset in
    do throws(SystemError) {
      let target = UnsafeMutableRawBufferPointer(start: buffer, count: Int(count))
      let done = try context(file).file.read(into: target, at: UInt64(offset))
      if done == target.count { return SQLITE_OK }
      memset(buffer! + done, 0, target.count - done)
      return DiskError.shortRead
    } catch {
      return DiskError.read
    }
  }
  methods.xWrite = { file, buffer, count, offset in
    do throws(SystemError) {
      try context(file).file.write(UnsafeRawBufferPointer(start: buffer, count: Int(count)), at: UInt64(offset))
      return SQLITE_OK
    } catch {
      return code(error, DiskError.write)
    }
  }
  methods.xTruncate = { file, length in
    do throws(SystemError) {
      try context(file).file.truncate(to: UInt64(length))
      return SQLITE_OK
    } catch {
      return DiskError.truncate
    }
  }
  methods.xSync = { file, _ in
    let context = context(file)
    do throws(SystemError) {
      try context.file.sync()
      if context.needsDirectorySync {
        try context.disk.syncDirectory("")
        context.needsDirectorySync = false
      }
      return SQLITE_OK
    } catch {
      return DiskError.sync
    }
  }
  methods.xFileSize = { file, size in
    do throws(SystemError) {
      size!.pointee = Int64(try context(file).file.length())
      return SQLITE_OK
    } catch {
      return DiskError.status
    }
  }
  methods.xLock = { file, level in context(file).lock(level) }
  methods.xUnlock = { file, level in
    context(file).unlock(level)
    return SQLITE_OK
  }
  methods.xCheckReservedLock = { file, result in
    result!.pointee = context(file).shared.withLock { $0.hasReserved } ? 1 : 0
    return SQLITE_OK
  }
  methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
  methods.xSectorSize = { _ in 4096 }
  // As the VFS for Unix says by default.
  methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
  methods.xShmMap = { file, region, size, extend, result in
    result!.pointee = context(file).map(Int(region), size: Int(size), extend: extend != 0)
    return SQLITE_OK
  }
  methods.xShmLock = { file, offset, count, flags in
    context(file).lockMemory(Int(offset)..<Int(offset + count), flags)
  }
  methods.xShmBarrier = { _ in atomicMemoryFence(ordering: .sequentiallyConsistent) }
  methods.xShmUnmap = { file, _ in
    context(file).unmap()
    return SQLITE_OK
  }
  let pointer = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
  pointer.initialize(to: methods)
  return pointer
}()
