import CFuse3
import Glibc

/// A disk whose every write is remembered, for simulating power cuts at any of them.
///
/// `log-disk FILE BYTES LOG` mounts, over the existing file FILE, a FUSE file system that is that one file, of
/// so many bytes in memory. Each write to it, and each flush, is appended to LOG before it is answered, so LOG's
/// length at any moment says what had reached the disk by then. It says `ready`, and ends with its standard
/// input. It is a process of its own because a loop device waits for it in the kernel.
///
/// A record of LOG is offset u64, length u32, kind u32 (1 write, 2 flush), and the bytes written.
@main
struct LogDisk {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, let size = Int(arguments[2]) else {
      fail("usage: log-disk FILE BYTES LOG")
    }
    let log = open(arguments[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    if log < 0 { fail("open \(arguments[3]): errno \(errno)") }
    guard let image = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
      image != MAP_FAILED
    else { fail("mmap: errno \(errno)") }
    let descriptor = open("/dev/fuse", O_RDWR | O_CLOEXEC)
    if descriptor < 0 { fail("open /dev/fuse: errno \(errno)") }
    // The root of a FUSE file system may be a file, which is then mounted over a file.
    let options = "fd=\(descriptor),rootmode=100000,user_id=0,group_id=0"
    if mount("log-disk", arguments[1], "fuse", 0, options) != 0 { fail("mount \(arguments[1]): errno \(errno)") }
    endWithStandardInput(arguments[1])
    var server = LogDiskServer(
      descriptor: descriptor, image: UnsafeMutableRawBufferPointer(start: image, count: size), log: log)
    print("ready")
    fflush(nil)
    server.run()
  }

  private static func endWithStandardInput(_ path: String) {
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { path in
        var byte: UInt8 = 0
        while read(STDIN_FILENO, &byte, 1) > 0 {}
        umount2(path!.assumingMemoryBound(to: CChar.self), Int32(MNT_DETACH))
        exit(0)
      }, strdup(path))
  }
}

func fail(_ text: String) -> Never {
  let line = "log-disk: \(text)\n"
  write(STDERR_FILENO, line, line.utf8.count)
  exit(1)
}
