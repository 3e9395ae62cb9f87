import Catalog

/// An inode in memory. Everything in it is touched only under the file system's lock.
///
/// What is dirty (changed since the last checkpoint began) or pinned (in a checkpoint under way) is
/// the only truth and stays; the rest is a cache of the catalog and may be evicted.
final class Node {
  let id: NodeID
  var row: InodeRow
  /// References that the kernel holds, as far as this process has seen: see ``FileSystem/forget(_:count:)``.
  var lookups: Int64 = 0
  var isDirty = false
  /// Checkpoints under way that hold a copy of it.
  var pins = 0
  /// It is gone; its rows go with the next checkpoint.
  var isDeleted = false
  /// What the state counts for it, which may lag behind ``weight``.
  var charged = 0
  /// Used since the eviction hand last passed.
  var isRecent = true
  /// Loaded because a neighbour was asked for, and not used yet.
  var isInAdvance = false
  /// All of the extent map is in memory, as it is of a file that this process made: a page that is
  /// missing does not exist.
  var hasAllPages: Bool

  /// Extents by page; a page that is missing has not been loaded, unless ``hasAllPages``.
  var pages: [UInt64: [Extent]] = [:]
  var dirtyPages: Set<UInt64> = []
  /// Pages in the checkpoint under way.
  var frozenPages: Set<UInt64> = []

  var directory: Directory?

  /// All extended attributes; nil: not loaded.
  var attributes: [[UInt8]: [UInt8]]?
  var dirtyAttributes: Set<[UInt8]> = []

  init(id: NodeID, row: InodeRow, isNew: Bool) {
    self.id = id
    self.row = row
    hasAllPages = isNew
    if isNew { attributes = [:] }
    if row.mode & FileType.mask == FileType.directory { directory = Directory(isComplete: isNew) }
  }

  var type: UInt32 { row.mode & FileType.mask }
  var isDirectory: Bool { type == FileType.directory }
  var isRegular: Bool { type == FileType.regular }
  var canBeEvicted: Bool { !isDirty && pins == 0 && !isDeleted && row.linkCount > 0 }

  /// Roughly how much memory it takes, in units of an inode without anything.
  var weight: Int {
    1 + (directory?.entries.count ?? 0) / 2 + pages.values.reduce(0) { $0 + 1 + $1.count / 8 }
  }

  var stat: Attributes {
    Attributes(
      node: id, mode: row.mode, linkCount: row.linkCount, uid: row.uid, gid: row.gid, device: row.device,
      size: row.size, allocated: row.allocated, accessed: row.accessed, modified: row.modified, changed: row.changed,
      born: row.born)
  }
}

/// The type bits of a mode, as in `<sys/stat.h>`.
public enum FileType {
  public static let mask: UInt32 = 0o170000
  public static let socket: UInt32 = 0o140000
  public static let symbolicLink: UInt32 = 0o120000
  public static let regular: UInt32 = 0o100000
  public static let blockDevice: UInt32 = 0o060000
  public static let directory: UInt32 = 0o040000
  public static let characterDevice: UInt32 = 0o020000
  public static let fifo: UInt32 = 0o010000
}

/// The names of a directory, as far as they are in memory.
final class Directory {
  var entries: [UInt64: DirectoryEntry] = [:]
  /// Names not in `entries` do not exist; else the catalog is to be asked.
  var isComplete: Bool
  /// How often the catalog was asked for a single name.
  var singleLookups = 0
  /// Cookies changed since the last checkpoint began, with the names that they had or have, and those
  /// in the checkpoint under way: for them `entries` alone counts, whatever the catalog says.
  var dirty: [UInt64: [UInt8]] = [:]
  var frozen: [UInt64: [UInt8]] = [:]

  /// All cookies in order, with some that are gone among them; nil: not sorted yet.
  private var order: [UInt64] = []
  private var unordered: [UInt64] = []
  private var isOrdered = false

  /// Cookies found for names that an operation about to be carried out will make.
  var prepared: [[UInt8]: UInt64] = [:]

  init(isComplete: Bool) { self.isComplete = isComplete }

  func insert(_ entry: DirectoryEntry) {
    if entries.updateValue(entry, forKey: entry.cookie) == nil, isOrdered { unordered.append(entry.cookie) }
  }

  func remove(_ cookie: UInt64) { entries[cookie] = nil }

  func isChanged(_ cookie: UInt64) -> Bool { dirty[cookie] != nil || frozen[cookie] != nil }

  /// The cookies in order. Names made since the last call are merged in; names removed stay in the
  /// list until it is made anew, for a reader that removes as it goes would otherwise pay for a new
  /// list at each step.
  func orderedCookies() -> [UInt64] {
    if !isOrdered || order.count > 2 * entries.count + 64 {
      order = entries.keys.sorted()
      isOrdered = true
    } else if !unordered.isEmpty {
      // A cookie that was removed and came back is in the list already.
      let known = order
      order = Array(Set(unordered).union(known)).sorted()
    }
    unordered = []
    return order
  }
}
