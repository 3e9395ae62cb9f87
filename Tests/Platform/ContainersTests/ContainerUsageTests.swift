import Glibc
import Testing

@testable import Containers

@Suite struct ContainerUsageTests {
  @Test func `control groups of both versions are found`() {
    let old = CgroupPaths(parsing: "4:memory:/a/b\n2:cpu,cpuacct:/c:d\n1:name=systemd:/x\n0::/e\n")
    #expect(old.controllers["memory"] == "/a/b" && old.controllers["cpuacct"] == "/c:d" && old.unified == "/e")
    let new = CgroupPaths(parsing: "0::/system.slice/x.scope\n")
    #expect(new.controllers.isEmpty && new.unified == "/system.slice/x.scope")
    #expect(CgroupPaths(parsing: "nonsense\n\n1:2\n") == CgroupPaths(parsing: ""))
  }

  @Test func `a value is that of its key alone`() {
    let text = "total_inactive_file_x 1\ninactive_file 7\ntotal_inactive_file 9\n"
    #expect(CgroupPaths.value("inactive_file", text) == 7)
    #expect(CgroupPaths.value("total_inactive_file", text) == 9)
    #expect(CgroupPaths.value("nothing", text) == nil && CgroupPaths.value("x", nil) == nil)
  }

  @Test func `this process has used something, and one that is gone nothing`() throws {
    let usage = try #require(ContainerUsage.read(pid: getpid()))
    #expect(usage.processorNanoseconds > 0)
    #expect(ContainerUsage.read(pid: .max) == nil)
  }
}
