import Catalog
import Glibc
import Journal
import Linux

// Symbolic links beside volumes, such as a model's alias beside its versions. Programs can make none there: the
// directories in which volumes appear are the file system's own.
extension FileSystem {
  /// Makes the link at `path`, or lets the one that is there lead to `target`. Whoever looks meanwhile finds the old
  /// one or the new one, and so does whoever looks after a crash.
  ///
  /// - Parameter target: the name of something in the same directory.
  public func setLink(_ path: String, to target: String) throws(VolumeError) {
    defer { invalidateChanged() }
    try describing("link \(path)") {
      try lock.withLock { state in
        let place = try linkPlace(state, path)
        let target = try checkTarget(target)
        let existing = try state.entry(place.parent, place.name)
        if let existing {
          let node = try link(state, existing, path)
          if node.row.target == target { return }
        }
        // Under another name first, so that the link is never missing.
        let name = existing == nil ? place.name : try freeName(state, place.parent)
        let make = Operation.Make(
          parent: place.parent.id, name: name, node: NodeID(volume: 0, inode: state.counters.nextInode),
          mode: FileType.symbolicLink | 0o777, uid: 0, gid: 0, target: target, time: nanosecondsNow())
        try state.perform(.make(make), Caller())
        guard existing != nil else { return }
        let rename = Operation.Rename(
          parent: place.parent.id, name: name, newParent: place.parent.id, newName: place.name, exchange: false,
          whiteout: 0, time: nanosecondsNow())
        try state.perform(.rename(rename), Caller())
      }
    }
  }

  /// Removes the link at `path`, and the directories that were made for it, if they are empty then. None being there
  /// is no error.
  public func removeLink(_ path: String) throws(VolumeError) {
    defer { invalidateChanged() }
    try describing("remove the link \(path)") {
      try lock.withLock { state in
        let bytes = try checkPath(path)
        guard let place = try state.skeletonPlace(bytes), let entry = try state.entry(place.parent, place.name) else {
          return
        }
        _ = try link(state, entry, path)
        try state.perform(.unlink(parent: place.parent.id, name: place.name, time: nanosecondsNow()), Caller())
        try removeEmptyDirectories(state, bytes)
      }
    }
  }

  private func linkPlace(_ state: State, _ path: String) throws -> (parent: Node, name: [UInt8]) {
    let bytes = try checkPath(path)
    guard bytes.split(separator: UInt8(ascii: "/")).count >= 3 else {
      throw VolumeError(.invalid, "A link can't be at “\(path)”: it must be beside volumes, as models/NAME/ALIAS is.")
    }
    return try makePlace(state, bytes)
  }

  /// What a link leads to: one name, so that it leads nowhere else, whoever follows it and wherever it is mounted.
  private func checkTarget(_ target: String) throws(VolumeError) -> [UInt8] {
    let bytes = [UInt8](target.utf8)
    guard !bytes.isEmpty, bytes.count <= 255, !bytes.contains(0), !bytes.contains(0x2F), bytes != [0x2E],
      bytes != [0x2E, 0x2E]
    else {
      throw VolumeError(.invalid, "A link can't lead to “\(target)”: it must be a name in the link's own directory.")
    }
    return bytes
  }

  /// A name that nothing has: one that an earlier process left behind when it died is used again.
  private func freeName(_ state: State, _ parent: Node) throws -> [UInt8] {
    let name = [UInt8](".new-link".utf8)
    if let left = try state.entry(parent, name) {
      _ = try link(state, left, ".new-link")
      try state.perform(.unlink(parent: parent.id, name: name, time: nanosecondsNow()), Caller())
    }
    return name
  }

  private func link(_ state: State, _ entry: DirectoryEntry, _ path: String) throws -> Node {
    let target = State.target(entry, in: 0)
    guard target.volume == 0, entry.type == FileType.symbolicLink else {
      throw VolumeError(.exists, "\(path) is there already, and is no link. Choose another name.")
    }
    return try state.node(target)
  }
}
