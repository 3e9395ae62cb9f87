/// The seam to the disk: every file of a store is reached through it, so that a test can put a disk
/// in its place that loses, tears and reorders what was not synced, fills up, or fails.
///
/// Paths are relative to the disk's root, with `/` between components. All calls are thread-safe.
public protocol Disk: Sendable {
  /// Opens `path` for reading and writing; with `create`, makes it if it is missing.
  func open(_ path: String, create: Bool) throws(SystemError) -> any DiskFile
  func makeDirectory(_ path: String) throws(SystemError)
  /// The names in a directory, in no order, without `.` and `..`.
  func list(_ directory: String) throws(SystemError) -> [String]
  /// Renames over whatever is at `to`. Durable once both directories are synced.
  func rename(_ from: String, _ to: String) throws(SystemError)
  func remove(_ path: String) throws(SystemError)
  func exists(_ path: String) -> Bool
  /// Makes the entries of a directory durable.
  func syncDirectory(_ path: String) throws(SystemError)
  /// Bytes that an unprivileged program could still write.
  func freeBytes() throws(SystemError) -> UInt64
}

/// An open file of a ``Disk``. It closes when the last reference goes, so a file that was removed
/// stays readable for those who still hold it. All calls are thread-safe.
public protocol DiskFile: AnyObject, Sendable {
  /// Reads up to `buffer.count` bytes; fewer only at the end of the file.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int
  /// Fills `buffer` if all of it is in memory, without waiting for the disk. False: it may not be.
  func readCached(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Bool
  /// Has a range brought into memory meanwhile. Nothing is promised.
  func prefetch(offset: UInt64, length: UInt64)
  /// Writes all of `bytes`.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError)
  /// Has the bytes of a range that were written brought to the disk meanwhile, so that a ``sync()`` to come has less to
  /// wait for. Nothing is promised.
  func startWriting(offset: UInt64, length: UInt64)
  /// `fdatasync`: the bytes written and the length that reaches them survive a power cut.
  func sync() throws(SystemError)
  func truncate(to length: UInt64) throws(SystemError)
  /// Reserves space without changing what is read.
  func allocate(offset: UInt64, length: UInt64) throws(SystemError)
  /// Gives the space of a range back; it reads as zeros afterwards.
  func punch(offset: UInt64, length: UInt64) throws(SystemError)
  func length() throws(SystemError) -> UInt64
}

extension DiskFile {
  public func readCached(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Bool { false }
  public func prefetch(offset: UInt64, length: UInt64) {}
  public func startWriting(offset: UInt64, length: UInt64) {}
}
