import Foundation

extension CairnInstance {
  /// What stands at the beginning of a page of the documentation, to be pasted: runs it as it is there, in the
  /// project's directory.
  /// - Parameters:
  ///   - changes: what is elsewhere in a test, such as addresses.
  ///   - path: where programs are looked for, before the system's.
  func runExample(ofPage name: String, _ changes: [String: String], path: String? = nil) throws -> Outcome {
    var root = URL(fileURLWithPath: #filePath)
    for _ in 1...4 { root.deleteLastPathComponent() }
    let page = try String(contentsOf: root.appendingPathComponent("docs/\(name)"), encoding: .utf8)
    guard var script = page.components(separatedBy: "```sh\n").dropFirst().first?.components(separatedBy: "```")[0]
    else { throw Problem(description: "\(name) begins with no example") }
    for (text, replacement) in changes {
      guard script.contains(text) else { throw Problem(description: "the example of \(name) has no \(text)") }
      script = script.replacingOccurrences(of: text, with: replacement)
    }
    let programs = URL(fileURLWithPath: Self.program("cairn")).deletingLastPathComponent().path
    let places = [path, programs, "/usr/bin", "/bin"].compactMap { $0 }
    return try RunningCommand(
      program: "/bin/bash", arguments: ["-euo", "pipefail", "-c", script], directory: directory + "/project",
      environment: [
        "PATH": places.joined(separator: ":"), "CAIRN_SOCKET": socket, "HOME": directory,
        // What it installs is there: a test asks nobody for it.
        "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore",
      ]
    ).finish()
  }
}
