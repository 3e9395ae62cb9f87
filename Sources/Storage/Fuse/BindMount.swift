import Glibc
import Linux

/// A directory of a FUSE mount that appears at a second place of the host, as `mount --bind` does it.
public enum BindMount {
  /// Makes `directory` appear at the existing directory `place`. What a dead server left there is
  /// detached; where the same file system is mounted there already, as after a takeover, it stays.
  /// Throws ``FuseError/Code/busy`` where anything else is.
  public static func make(of directory: String, at place: String, within mount: KernelMount) throws(FuseError) {
    let place = try Mount.canonicalPath(place)
    let table = try MountTable.current()
    let device = table.top(at: mount.mountPoint)?.device
    if let entry = table.top(at: place), entry.device == device { return }
    try Mount.clear(place)
    if Glibc.mount(directory, place, nil, UInt(MS_BIND), nil) != 0 {
      throw FuseError(.badMountPoint, "\(SystemError("mount", place)): can't bind \(directory) there.")
    }
  }

  /// Ends what ``make(of:at:within:)`` made, if it is still there.
  public static func end(at place: String, within mount: KernelMount) throws(FuseError) {
    let table = try MountTable.current()
    guard let device = table.top(at: mount.mountPoint)?.device else { return }
    try Mount.end(at: Mount.canonicalPath(place), device: device)
  }

  /// Detaches what a server that is gone left at `place`.
  public static func clear(_ place: String) throws(FuseError) {
    let place = try Mount.canonicalPath(place)
    guard let entry = try MountTable.current().top(at: place), entry.type == "fuse.cairn" else { return }
    try Mount.clear(place)
  }
}
