import Foundation
import Glibc

/// What tests of deployments need beyond a Cairn of their own.
extension CairnInstance {
  struct Answer {
    var status: Int
    var body: String
    var seconds: Double

    /// The answer of the test server's `/who`.
    var who: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]) ?? [:]
    }
    var revision: String? { who["revision"] as? String }
    var replica: String? { who["replica"] as? String }
  }

  static var servers: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("DeploymentServers")
  }

  /// Puts the test server where every container sees it.
  func installServer() throws {
    try FileManager.default.copyItem(
      atPath: Self.servers.appendingPathComponent("server.py").path, toPath: mount + "/storage/server.py")
  }

  /// Deploys the test server and waits until it is served.
  @discardableResult
  func deploy(_ name: String, _ options: String...) throws -> Outcome {
    let outcome = try begin(
      ["deploy", "create", name, "--ready", "/ready"] + options + ["--", "python3", "/storage/server.py"]
    ).finish()
    guard outcome.code == 0 else { throw Problem(description: "deploy \(name): \(outcome)") }
    return outcome
  }

  var address: String { "http://127.0.0.1:\(servePort)" }

  /// Asks by curl; `path` begins after the port.
  func get(_ path: String, _ options: String...) throws -> Answer {
    try beginGet(path, options).answer()
  }

  /// Asks, and goes on.
  func beginGet(_ path: String, _ options: [String] = []) throws -> RunningCurl {
    RunningCurl(
      command: try RunningCommand(
        program: "/usr/bin/curl",
        arguments: ["--silent", "--max-time", "60", "--write-out", "\n%{http_code} %{time_total}"] + options
          + [address + path], directory: directory, environment: [:]))
  }

  func deployment(_ name: String) throws -> [String: Any] {
    try json("deploy", "show", name)["deployment"] as? [String: Any] ?? [:]
  }

  func deploymentState(_ name: String) throws -> String? { try deployment(name)["state"] as? String }

  /// The containers of replicas in this state.
  func replicas(of name: String, in state: String = "ready") throws -> [String] {
    let replicas = try json("deploy", "show", name)["replicas"] as? [[String: Any]] ?? []
    return replicas.filter { $0["state"] as? String == state }.compactMap { $0["container"] as? String }
  }

  func eventKinds(of name: String) throws -> [String] {
    (try json("deploy", "show", name)["events"] as? [[String: Any]] ?? []).compactMap { $0["kind"] as? String }
  }

  /// The process of a container's command, by its environment: no other has this replica's name in it.
  func process(ofReplica container: String) throws -> Int32 {
    let id = container.split(separator: "-").dropLast().last.map(String.init) ?? ""
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
      guard let pid = Int32(name), let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ")
      else { continue }
      let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
      if String(decoding: environment, as: UTF8.self).contains("CAIRN_REPLICA=\(id)\0"),
        String(decoding: command, as: UTF8.self).contains("server.py\0"),
        !String(decoding: command, as: UTF8.self).contains("catatonit")
      {
        return pid
      }
    }
    throw Problem(description: "no process of \(container)")
  }

  /// The process of HAProxy that takes new connections, and its master.
  func proxyProcesses() throws -> [Int32] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter { pid in
      let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
      return String(decoding: command, as: UTF8.self).contains(directory + "/run/haproxy/")
    }
  }
}

struct RunningCurl {
  let command: RunningCommand

  func answer() -> CairnInstance.Answer {
    let outcome = command.finish()
    let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
    let words = lines.last?.split(separator: " ") ?? []
    return CairnInstance.Answer(
      status: words.first.flatMap { Int($0) } ?? 0, body: lines.dropLast().joined(separator: "\n"),
      seconds: words.last.flatMap { Double($0) } ?? 0)
  }
}

/// Requests on a number of connections, without a pause, until it is stopped.
final class Load {
  struct Result: Decodable {
    /// By revision.
    var answers: [String: Int]
    var failures: [String]
    var slowest: Double
  }

  let connections: Int
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  init(_ url: String, connections: Int = 8) throws {
    self.connections = connections
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "python3", CairnInstance.servers.appendingPathComponent("load.py").path, url, "\(connections)",
    ]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    // It takes a moment to come up.
    usleep(500_000)
  }

  func stop() throws -> Result {
    try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return try JSONDecoder().decode(Result.self, from: data)
  }
}
