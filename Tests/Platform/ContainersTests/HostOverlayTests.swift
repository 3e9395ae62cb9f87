import Testing

@testable import Containers

struct HostOverlayTests {
  @Test func `a table of mounts is parsed, with its escapes`() {
    let table = """
      27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
      44 27 254:0 /run/netns /mnt/with\\040space rw,relatime shared:1 master:2 - xfs /dev/vdb rw
      nonsense
      """
    #expect(
      MountEntry.parse(table) == [
        MountEntry(mountPoint: "/", fileSystem: "ext4"), MountEntry(mountPoint: "/mnt/with space", fileSystem: "xfs"),
      ])
  }

  @Test func `other disks are added read-only, and what is hidden is not`() {
    let table = [
      ("/", "ext4"), ("/home", "xfs"), ("/proc", "proc"), ("/srv/cairn", "fuse.cairn"), ("/var/lib/cairn", "ext4"),
      ("/var/lib/cairn/deep", "ext4"), ("/var/lib/cairnx", "ext4"), ("/run/user", "ext4"), ("/boot/efi", "ext4"),
    ].map { MountEntry(mountPoint: $0.0, fileSystem: $0.1) }
    let mounts = HostOverlay.mounts(table: table, hidden: ["/run", "/var/lib/cairn", "/var/lib/cairn/inner", "/tmp/x"])
    #expect(
      mounts == [
        .init(.directory("/home", readOnly: true), at: "/home"),
        .init(.directory("/var/lib/cairnx", readOnly: true), at: "/var/lib/cairnx"),
        .init(.empty, at: "/run"), .init(.empty, at: "/var/lib/cairn"),
      ])
  }
}
