/// What the kernel offers and the server asks for in INIT: `flags`, and `flags2` in the upper half.
/// Named as in the kernel's `<linux/fuse.h>`; those above bit 35 are younger than Debian 12's.
struct ProtocolFlags: OptionSet {
  let rawValue: UInt64

  init(rawValue: UInt64) { self.rawValue = rawValue }

  init(flags: UInt32, flags2: UInt32) {
    let extended = flags & UInt32(ProtocolFlags.initExtended.rawValue) != 0
    rawValue = UInt64(flags) | (extended ? UInt64(flags2) << 32 : 0)
  }

  var flags: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
  var flags2: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }

  static let asyncRead = ProtocolFlags(rawValue: 1 << 0)
  static let exportSupport = ProtocolFlags(rawValue: 1 << 4)
  static let bigWrites = ProtocolFlags(rawValue: 1 << 5)
  static let dontMask = ProtocolFlags(rawValue: 1 << 6)
  static let readDirectoryPlus = ProtocolFlags(rawValue: 1 << 13)
  static let readDirectoryPlusAuto = ProtocolFlags(rawValue: 1 << 14)
  static let noOpenSupport = ProtocolFlags(rawValue: 1 << 17)
  static let parallelDirectoryOperations = ProtocolFlags(rawValue: 1 << 18)
  static let posixACL = ProtocolFlags(rawValue: 1 << 20)
  static let maxPages = ProtocolFlags(rawValue: 1 << 22)
  static let cacheSymlinks = ProtocolFlags(rawValue: 1 << 23)
  static let noOpenDirectorySupport = ProtocolFlags(rawValue: 1 << 24)
  static let explicitInvalidation = ProtocolFlags(rawValue: 1 << 25)
  static let handleKillPrivilegesV2 = ProtocolFlags(rawValue: 1 << 28)
  static let setXattrExtended = ProtocolFlags(rawValue: 1 << 29)
  static let initExtended = ProtocolFlags(rawValue: 1 << 30)
  static let hasResend = ProtocolFlags(rawValue: 1 << 39)

  /// What Cairn asks for where the kernel offers it.
  ///
  /// Left out on purpose: WRITEBACK_CACHE (the kernel would own sizes and times, and an error would
  /// be met after write() returned), AUTO_INVAL_DATA (nobody changes a file behind the kernel's
  /// back), POSIX_LOCKS and FLOCK_LOCKS (on one host the kernel's own locks are complete),
  /// ATOMIC_O_TRUNC (there is no OPEN to carry it), ASYNC_DIO (when an asynchronous direct write ends, the kernel does
  /// not drop the pages that were read into its cache meanwhile, and shows the old bytes ever after).
  static let wanted: ProtocolFlags = [
    .asyncRead, .exportSupport, .bigWrites, .dontMask, .readDirectoryPlus, .readDirectoryPlusAuto,
    .noOpenSupport, .parallelDirectoryOperations, .posixACL, .maxPages, .cacheSymlinks, .noOpenDirectorySupport,
    .explicitInvalidation, .handleKillPrivilegesV2, .setXattrExtended, .initExtended, .hasResend,
  ]

  /// Without these the file system would be wrong, not only slow.
  static let required: ProtocolFlags = [
    .bigWrites, .dontMask, .noOpenSupport, .noOpenDirectorySupport, .posixACL, .maxPages, .handleKillPrivilegesV2,
  ]
}
