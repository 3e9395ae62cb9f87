import Catalog
import Glibc
import Journal
import Linux

extension FileSystem {
  /// The longest value, and the most bytes of names of one inode: the kernel's limits, XATTR_SIZE_MAX
  /// and XATTR_LIST_MAX.
  static let longestValue = 64 << 10
  static let longestNameList = 64 << 10

  public func extendedAttribute(_ node: NodeID, _ name: [UInt8]) throws(POSIXError) -> [UInt8] {
    try withState { (state) throws(POSIXError) in
      guard let value = try state.extendedAttributes(try state.node(node))[name] else { throw POSIXError(ENODATA) }
      return value
    }
  }

  /// Sorted by their bytes.
  public func extendedAttributeNames(_ node: NodeID) throws(POSIXError) -> [[UInt8]] {
    try withState { (state) throws(POSIXError) in
      try state.extendedAttributes(try state.node(node)).keys.sorted { $0.lexicographicallyPrecedes($1) }
    }
  }

  /// An ACL changes the permission bits with it; one that says no more than they do is not kept. With
  /// `clearSetGroupID` (an ACL set by one who is not in the file's group) the mode loses that bit.
  public func setExtendedAttribute(
    _ node: NodeID, _ name: [UInt8], _ value: UnsafeRawBufferPointer, _ mode: ExtendedAttributeMode,
    clearSetGroupID: Bool, _ caller: Caller
  ) throws(POSIXError) {
    guard !name.isEmpty, name.count <= 255 else { throw POSIXError(ERANGE) }
    guard value.count <= Self.longestValue else { throw POSIXError(E2BIG) }
    try withState { (state) throws(POSIXError) in
      let file = try state.node(node)
      if state.answered[caller.request] != nil { return }
      try state.checkWritable(node)
      let known = try state.extendedAttributes(file)
      switch mode {
      case .createOnly: if known[name] != nil { throw POSIXError(EEXIST) }
      case .replaceOnly: if known[name] == nil { throw POSIXError(ENODATA) }
      case .any: break
      }
      guard known.keys.reduce(name.count + 1, { $0 + $1.count + 1 }) <= Self.longestNameList else {
        throw POSIXError(ENOSPC)
      }
      var stored: [UInt8]? = [UInt8](value)
      var permissions: UInt32?
      if name == AccessControlList.accessName {
        guard let list = AccessControlList([UInt8](value)) else { throw POSIXError(EINVAL) }
        permissions = file.row.mode & 0o7000 | list.modeBits
        if clearSetGroupID { permissions = permissions.map { $0 & ~0o2000 } }
        if list.isMinimal { stored = nil }
      } else if name == AccessControlList.defaultName {
        guard AccessControlList([UInt8](value)) != nil else { throw POSIXError(EINVAL) }
        guard file.isDirectory else { throw POSIXError(EACCES) }
      }
      try state.perform(
        .setExtendedAttribute(node: node, name: name, value: stored, mode: permissions, time: nanosecondsNow()), caller)
    }
  }

  public func removeExtendedAttribute(_ node: NodeID, _ name: [UInt8], _ caller: Caller) throws(POSIXError) {
    try withState { (state) throws(POSIXError) in
      let file = try state.node(node)
      if state.answered[caller.request] != nil { return }
      try state.checkWritable(node)
      guard try state.extendedAttributes(file)[name] != nil else { throw POSIXError(ENODATA) }
      try state.perform(
        .setExtendedAttribute(node: node, name: name, value: nil, mode: nil, time: nanosecondsNow()), caller)
    }
  }
}
