import FoundationEssentials
import Testing

@testable import Configuration

@Suite struct ConfigurationTests {
  private func parse(_ yaml: String, _ environment: [String: String] = [:]) throws -> Configuration {
    let file = FileManager.default.temporaryDirectory.appending(path: "cairn-\(UUID().uuidString).yaml")
    try Data(yaml.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return try Configuration.load(path: file.path, environment: environment)
  }

  /// What is thrown for `yaml`, in words.
  private func refusal(_ yaml: String, _ environment: [String: String] = [:]) -> String {
    do {
      _ = try parse(yaml, environment)
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  @Test func everyKeyHasADefault() throws {
    #expect(try parse("") == Configuration())
    #expect(try parse("# only a comment\n") == Configuration())
    #expect(try parse("storage:\ncontrol:\n") == Configuration())
    let configuration = Configuration()
    #expect(configuration.storageSocket == "/run/cairn/storage.sock")
    #expect(configuration.controlSocket == "/run/cairn/cairn.sock")
  }

  @Test func everyKeyIsRead() throws {
    let configuration = try parse(
      """
      run_dir: /tmp/x/run/
      storage:
        dir: /tmp//x/store
        mount: /tmp/x/mount
        persistent_mount: null
      control:
        dir: /tmp/x/control
        listen: "[::1]:8080"
      deployments:
        listen: 10.0.0.1:80
      """)
    #expect(configuration.runDirectory == "/tmp/x/run")
    #expect(configuration.storage.directory == "/tmp/x/store")
    #expect(configuration.storage.mount == "/tmp/x/mount")
    #expect(configuration.storage.persistentMount == nil)
    #expect(configuration.control.directory == "/tmp/x/control")
    #expect(configuration.control.listen == ListenAddress(host: "::1", port: 8080))
    #expect(configuration.deployments.listen == ListenAddress(host: "10.0.0.1", port: 80))
  }

  @Test func theEnvironmentOverridesTheFile() throws {
    let configuration = try parse(
      "storage:\n  dir: /a\n",
      [
        "CAIRN_STORAGE_DIR": "/b", "CAIRN_RUN_DIR": "/c", "CAIRN_STORAGE_PERSISTENT_MOUNT": "",
        "CAIRN_CONTROL_LISTEN": "null", "CAIRN_JOB_ID": "is not ours",
      ])
    #expect(configuration.storage.directory == "/b")
    #expect(configuration.runDirectory == "/c")
    #expect(configuration.storage.persistentMount == nil)
    #expect(configuration.control.listen == nil)
  }

  @Test func anUnknownKeyIsNamedWithItsLineAndNearMatches() {
    let text = refusal("run_dir: /a\nstorage:\n  dri: /b\n")
    #expect(text.contains(".yaml:3: there is no key storage.dri. Is storage.dir"), "\(text)")
    #expect(refusal("rundir: /a\n").contains("Is run_dir meant?"))
    #expect(refusal("listen: 1\n").contains("Is control.listen or deployments.listen meant?"))
    #expect(refusal("colour: red\n").contains("The keys are run_dir, storage.dir"))
  }

  @Test(arguments: [
    ("run_dir: relative\n", "absolute path"),
    ("run_dir: null\n", "can't be null"),
    ("run_dir: /\n", "name a directory"),
    ("run_dir: /a/../b\n", "without .."),
    ("run_dir: [/a]\n", "single value"),
    ("- run_dir\n", "must be a mapping"),
    ("storage: /a\n", "storage must be a mapping"),
    ("run_dir: /a\nrun_dir: /b\n", "run_dir"),
    ("run_dir: \"/a\n", "is not YAML"),
    ("control:\n  listen: localhost:7070\n", "address in digits"),
    ("control:\n  auth: maybe\n", "either token or none"),
    ("control:\n  auth: none\n  listen: 0.0.0.0:7070\n", "lets whoever reaches 0.0.0.0:7070 do everything"),
    ("control:\n  auth: none\n  listen: 10.0.0.1:7070\n", "ask for a token"),
    ("control:\n  auth: none\n  listen: \"[::]:7070\"\n", "ask for a token"),
    ("control:\n  listen: 127.0.0.1:70700\n", "address in digits"),
    ("control:\n  listen: 127.0.0.1\n", "address in digits"),
    ("control:\n  listen: ::1:7070\n", "address in digits"),
    ("storage:\n  dir: /srv/cairn/store\n", "would be mounted over it"),
    ("storage:\n  persistent_mount: /srv/cairn/storage\n", "lies in storage.mount"),
  ])
  func aBadValueIsRefusedWithItsReason(yaml: String, reason: String) {
    let text = refusal(yaml)
    #expect(text.contains(reason), "\(text)")
  }

  @Test func theRunDirectoryLeavesRoomForItsSockets() throws {
    let longest = "/" + String(repeating: "r", count: 107 - "/haproxy/runtime.sock.4194304.tmp".count - 1)
    #expect(try parse("run_dir: \(longest)\n").runDirectory == longest)
    #expect(refusal("run_dir: \(longest)r\n").contains("run_dir is 75 bytes long; the sockets in it leave it 74"))
  }

  @Test func aBadVariableIsNamed() {
    #expect(refusal("", ["CAIRN_STORAGE_MOUNT": "here"]).hasPrefix("CAIRN_STORAGE_MOUNT: storage.mount must be"))
  }

  @Test func aMissingFileIsRefusedOnlyWhereItWasAskedFor() {
    #expect(throws: ConfigurationError.self) {
      try Configuration.load(path: "/nowhere/cairn.yaml", environment: [:])
    }
  }
}
