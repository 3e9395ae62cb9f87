import Glibc
import Linux
import MountCalls
import Testing

@Suite("FIFOs, sockets and devices", .timeLimit(.minutes(1)))
struct SpecialFileTests {
  @Test func bytesGoThroughAFIFO() throws {
    try withMount { store in
      let path = store.path("fifo")
      #expect(mkfifo(path, 0o640) == 0)
      try #expect(status(path).st_mode == S_IFIFO | 0o640)
      let writer = WorkerThread(name: "fifo") { _ = try? shell("echo through > \(path)") }
      try #expect(shell("cat \(path)") == "through\n")
      writer.join()
    }
  }

  @Test func aSocketIsBoundAndConnectedTo() throws {
    try withMount { store in
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let path = store.path("socket")
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let size = socklen_t(MemoryLayout<sockaddr_un>.size)
      func withAddress(_ call: (UnsafePointer<sockaddr>) -> Int32) -> Int32 {
        withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, call) }
      }
      let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      defer {
        close(listener)
        close(client)
      }
      #expect(withAddress { bind(listener, $0, size) } == 0)
      #expect(listen(listener, 1) == 0)
      #expect(withAddress { connect(client, $0, size) } == 0)
      try #expect(status(path).st_mode & S_IFMT == S_IFSOCK)
    }
  }

  @Test func deviceNodesLeadToTheirDevices() throws {
    try withMount { store in
      let path = store.path("zero")
      #expect(call_make_device(path, S_IFCHR | 0o666, 1, 5) == 0)
      try withFile(path, O_RDONLY) { try #expect(readRange($0, at: 0, count: 8) == [UInt8](repeating: 0, count: 8)) }
      // Numbers beyond 8 bits are split in two.
      #expect(call_make_device(store.path("wide"), S_IFBLK | 0o600, 259, 0x12345) == 0)
      try #expect(shell("stat -c '%F %t %T' \(store.path("wide"))") == "block special file 103 12345\n")
      #expect(asUser(1000) { errorCode { call_make_device(path + "x", S_IFCHR | 0o666, 1, 5) } } == EPERM)
    }
  }
}
