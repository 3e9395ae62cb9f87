import Foundation
import Glibc
import TestSupport
import Testing

@testable import Containers

/// What Python packages a container's programs have at hand.
@Suite struct PythonPackageTests {
  @Test(arguments: [
    ("numpy-2.1.0.dist-info", "numpy==2.1.0"), ("typing_extensions-4.12.2.dist-info", "typing-extensions==4.12.2"),
    ("torch-2.5.1+cu121.dist-info", "torch==2.5.1+cu121"), ("ruamel.yaml-0.18.6.dist-info", "ruamel-yaml==0.18.6"),
    ("PyYAML-6.0.egg-info", "pyyaml==6.0"), ("setuptools-66.1.1-py3.11.egg-info", "setuptools==66.1.1"),
    ("mine.egg-info", "mine"), ("x-1!2.0.dist-info", "x==1!2.0"),
  ])
  func `a package is known by what its installer has called it`(entry: String, requirement: String) {
    #expect(PythonPackage(entry: entry)?.requirement == requirement)
  }

  @Test(arguments: [
    "numpy", "~umpy-2.1.0.dist-info", "-1.dist-info", ".dist-info", "a b-1.dist-info", "a-1\n--index-url=x.dist-info",
    "a-.dist-info", "a-1 --hash.dist-info", "a@http-1.dist-info", String(repeating: "a", count: 300) + "-1.dist-info",
    "a-\u{e9}.dist-info", "_a-1.dist-info",
  ])
  func `what is not named as a package is none`(entry: String) {
    #expect(PythonPackage(entry: entry) == nil)
  }

  /// A container's root, as a directory.
  private struct Root {
    let scratch = TemporaryDirectory()

    func add(_ path: String, _ content: String? = nil) throws {
      let full = scratch.path + path
      let directory = content == nil ? full : String(full[..<(full.lastIndex(of: "/") ?? full.endIndex)])
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try content?.write(toFile: full, atomically: false, encoding: .utf8)
    }

    func requirements(_ start: PythonStart?, loaded: [String] = []) throws -> [String] {
      let root = try #require(ContainerRoot(path: scratch.path))
      return root.interpreter(try #require(start), loaded: loaded).packages.map(\.requirement)
    }
  }

  private func start(_ name: String, executable: String = "/usr/bin/python3.11", _ environment: [String: String] = [:])
    -> PythonStart?
  {
    PythonStart(executable: executable, name: name, workingDirectory: "/workspace", environment: environment)
  }

  @Test func `a virtual environment's packages are its own, and the system's where it says so`() throws {
    let root = Root()
    try root.add("/workspace")
    try root.add("/usr/lib/python3/dist-packages/PyYAML-6.0.egg-info", "")
    try root.add("/usr/local/lib/python3.11/dist-packages/six-1.16.0.dist-info")
    try root.add("/opt/venv/bin/python", "")
    try root.add("/opt/venv/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n")
    try root.add("/opt/venv/lib/python3.11/site-packages/numpy-2.1.0.dist-info")
    try root.add("/opt/venv/lib/python3.11/site-packages/six-1.17.0.dist-info")
    #expect(try root.requirements(start("/opt/venv/bin/python")) == ["numpy==2.1.0", "six==1.17.0"])
    // Found by PATH, and by a path relative to the working directory.
    #expect(
      try root.requirements(start("python", ["PATH": "/nowhere:/opt/venv/bin:/usr/bin"])) == [
        "numpy==2.1.0", "six==1.17.0",
      ])
    #expect(try root.requirements(start("../opt/venv/bin/python")) == ["numpy==2.1.0", "six==1.17.0"])
    try root.add("/opt/venv/pyvenv.cfg", "home = /usr/bin\nInclude-System-Site-Packages=True\n")
    #expect(
      try root.requirements(start("/opt/venv/bin/python")) == ["numpy==2.1.0", "pyyaml==6.0", "six==1.17.0"])
    #expect(try root.requirements(start("/usr/bin/python3")) == ["pyyaml==6.0", "six==1.16.0"])
  }

  @Test func `packages of conda, of the user, of PYTHONPATH and of loaded modules are found`() throws {
    let root = Root()
    try root.add("/opt/conda/bin/python3.12", "")
    try root.add("/opt/conda/lib/python3.12/site-packages/scipy-1.14.0.dist-info")
    try root.add("/home/u/.local/lib/python3.12/site-packages/rich-13.0.dist-info")
    try root.add("/workspace/vendor/mine-1.dist-info")
    try root.add("/srv/site-packages/odd-3.dist-info")
    let environment = ["HOME": "/home/u", "PYTHONPATH": "vendor"]
    let loaded = packageDirectories(
      ofMaps: """
        7f00-7f01 r-xp 00000000 00:2f 12   /srv/site-packages/odd/_odd.cpython-312.so
        7f02-7f03 r-xp 00000000 00:2f 13   /usr/lib/x86_64-linux-gnu/libc.so.6
        7f04-7f05 rw-p 00000000 00:00 0
        """)
    #expect(loaded == ["/srv/site-packages"])
    #expect(
      try root.requirements(start("python3.12", executable: "/opt/conda/bin/python3.12", environment), loaded: loaded)
        == ["mine==1", "odd==3", "rich==13.0", "scipy==1.14.0"])
    // A program's name that does not say which Python it is.
    #expect(try root.requirements(start("python", executable: "/opt/conda/bin/python")) == ["scipy==1.14.0"])
    #expect(start("sh", executable: "/bin/dash") == nil)
    #expect(start("python3-config", executable: "/usr/bin/python3-config") == nil)
  }

  @Test(.timeLimit(.minutes(1))) func `nothing outside of the container's root is read, and nothing that would wait`()
    throws
  {
    let outside = Root()
    try outside.add("/lib/python3.11/site-packages/secret-1.dist-info")
    try outside.add("/pyvenv.cfg", "include-system-site-packages = true\n")
    let root = Root()
    try root.add("/venv/bin/python", "")
    try root.add("/venv/lib/python3.11")
    try FileManager.default.createSymbolicLink(
      atPath: root.scratch.path + "/venv/lib/python3.11/site-packages",
      withDestinationPath: outside.scratch.path + "/lib/python3.11/site-packages")
    #expect(mkfifo(root.scratch.path + "/venv/pyvenv.cfg", 0o600) == 0)
    #expect(try root.requirements(start("/venv/bin/python")) == [])
    #expect(unlink(root.scratch.path + "/venv/pyvenv.cfg") == 0)
    try FileManager.default.createSymbolicLink(
      atPath: root.scratch.path + "/venv/pyvenv.cfg", withDestinationPath: outside.scratch.path + "/pyvenv.cfg")
    #expect(try root.requirements(start("/venv/bin/python"), loaded: ["/venv/lib/python3.11/site-packages"]) == [])
    #expect(
      try root.requirements(start("../../../../../../\(outside.scratch.path)/bin/python")) == [])
  }

  @Test func `of this process nothing is told, for it is no Python`() {
    #expect(PythonPackages.read(container: getpid()) == nil)
  }
}
