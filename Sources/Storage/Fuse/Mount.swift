import CLinux
import Glibc
import Linux

/// Making and ending the mount itself, as root, by mount(2).
enum Mount {
  /// Opens `/dev/fuse` and mounts it. The kernel's first request is INIT.
  static func make(at mountPoint: String, source: String, maxRead: UInt32) throws(FuseError) -> Int32 {
    let descriptor = open("/dev/fuse", O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FuseError(
        .noDevice, "\(SystemError("open", "/dev/fuse")): load the module with `modprobe fuse`, and run as root.")
    }
    let options =
      "fd=\(descriptor),rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read=\(maxRead)"
    // No MS_NOSUID and no MS_NODEV: this is root's own file system, and jobs' images and backups have both.
    if mount(source, mountPoint, "fuse.cairn", 0, options) != 0 {
      let error = SystemError("mount", mountPoint)
      close(descriptor)
      let code: FuseError.Code = error.code == ENOENT || error.code == ENOTDIR ? .badMountPoint : .refused
      throw FuseError(code, "\(error). Mounting needs root and a directory to mount on.")
    }
    return descriptor
  }

  /// The absolute path with links resolved, as mountinfo shows it. Works where the last component is
  /// a dead mount, which must not be looked at.
  static func canonicalPath(_ path: String) throws(FuseError) -> String {
    var parts = path.split(separator: "/", omittingEmptySubsequences: true)
    guard let last = parts.popLast(), last != ".", last != ".." else {
      throw FuseError(.badMountPoint, "\(path) can't be a mount point: name a directory.")
    }
    let parent = (path.hasPrefix("/") ? "/" : "./") + parts.joined(separator: "/")
    guard let resolved = realpath(parent, nil) else {
      throw FuseError(.badMountPoint, "\(SystemError("realpath", parent)): make the mount point \(path) first.")
    }
    defer { free(resolved) }
    let base = String(cString: resolved)
    return base == "/" ? "/" + last : base + "/" + last
  }

  /// Detaches what a server that crashed left at `mountPoint`, and refuses to cover a live mount.
  static func clear(_ mountPoint: String) throws(FuseError) {
    while let entry = try MountTable.current().top(at: mountPoint) {
      guard entry.type.hasPrefix("fuse"), probe(mountPoint) == .dead else {
        throw FuseError(
          .busy,
          "\(mountPoint) is a mount already (\(entry.type) of \(entry.source)): "
            + "stop what serves it, or unmount it with `umount \(mountPoint)`.")
      }
      if umount2(mountPoint, Int32(MNT_DETACH)) != 0 {
        throw FuseError(.busy, "\(SystemError("umount2", mountPoint)): a dead mount is in the way.")
      }
    }
  }

  private enum Life { case alive, dead }

  /// statvfs always asks the server, unlike stat, whose answer may be cached. It waits as long as a
  /// server that hangs, so another thread asks.
  private static func probe(_ mountPoint: String) -> Life {
    let answer = Monitor<Life?>(nil)
    _ = WorkerThread(name: "mount-probe") {
      var space = statvfs()
      let failed = statvfs(mountPoint, &space) != 0
      answer.withLock { $0 = failed && (errno == ENOTCONN || errno == ECONNABORTED) ? .dead : .alive }
      answer.wakeAll()
    }
    return answer.wait(seconds: 5) { $0 } ?? .alive
  }

  /// Unmounts `mountPoint` if it is still the mount of `device`. Where programs use it, it disappears
  /// for others at once, and for those when they are done.
  static func end(at mountPoint: String, device: String) throws(FuseError) {
    guard try MountTable.current().top(at: mountPoint)?.device == device else { return }
    if umount2(mountPoint, 0) == 0 { return }
    // What programs have mapped and changed has not reached us yet.
    let root = open(mountPoint, O_RDONLY | O_CLOEXEC)
    if root >= 0 {
      _ = cairn_syncfs(root)
      close(root)
    }
    if umount2(mountPoint, Int32(MNT_DETACH)) != 0 && errno != EINVAL {
      throw FuseError(.busy, "\(SystemError("umount2", mountPoint)): unmount it by hand.")
    }
  }

  /// How far the kernel reads ahead on the mount. FUSE's own 128 KiB makes 8 requests of each MiB.
  static func setReadAhead(device: String, kilobytes: Int) throws(FuseError) {
    let path = "/sys/class/bdi/\(device)/read_ahead_kb"
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FuseError(.refused, "\(SystemError("open", path))") }
    defer { close(descriptor) }
    let text = "\(kilobytes)"
    if write(descriptor, text, text.utf8.count) < 0 { throw FuseError(.refused, "\(SystemError("write", path))") }
  }
}
