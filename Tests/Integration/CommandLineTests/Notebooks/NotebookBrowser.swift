import Foundation

/// What does with notebooks what a browser does; see `JupyterClient/notebook.py`. It keeps its cookies.
struct NotebookBrowser {
  let cairn: CairnInstance
  let cookies: String

  init(_ cairn: CairnInstance) {
    self.cairn = cairn
    cookies = cairn.directory + "/cookies.txt"
  }

  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("JupyterClient/notebook.py").path

  /// A Python with JupyterLab that `scripts/install-test-clients` installs.
  static let jupyter = "\(MLflowClient.directory)/jupyter/bin/python"

  func begin(_ address: String, _ arguments: String...) throws -> RunningCommand {
    try begin(address, arguments)
  }

  private func begin(_ address: String, _ arguments: [String]) throws -> RunningCommand {
    try RunningCommand(
      program: "/usr/bin/python3", arguments: [Self.script, cookies, address] + arguments,
      directory: cairn.directory, environment: ["PATH": "/usr/bin:/bin"])
  }

  /// - Returns: what was printed.
  func `do`(_ address: String, _ arguments: String...) throws -> String {
    let outcome = try begin(address, arguments).finish()
    guard outcome.code == 0 else {
      throw CairnInstance.Problem(description: "\(arguments.first ?? "") at \(address): \(outcome)")
    }
    return outcome.output
  }

  /// What a request without any proof is answered with, or with this header.
  func status(_ address: String, _ header: String = "X-None: 1") throws -> Int {
    try status(address, ["--header", header])
  }

  /// What a request with the cookie and these header fields is answered with.
  func statusWithCookie(_ address: String, method: String = "GET", _ headers: String...) throws -> Int {
    try status(address, ["--cookie", cookies, "--request", method] + headers.flatMap { ["--header", $0] })
  }

  private func status(_ address: String, _ options: [String]) throws -> Int {
    let answer = try RunningCommand(
      program: "/usr/bin/curl",
      arguments: ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", address] + options,
      directory: cairn.directory, environment: [:]
    ).finish().output
    return Int(answer) ?? 0
  }
}
