import API
import ArgumentParser
import NotebookStates

/// Waits for a notebook to become what it was asked to.
struct NotebookFollower {
  let client: CairnClient
  let id: String

  /// Returns when its server answers.
  /// - Throws: `ExitCode` 1, with the reason told, where it has stopped instead.
  func untilItRuns() async throws -> Notebook {
    let notebook = try await wait { $0 != .starting && $0 != .stopping }
    guard notebook.state.isReachable else {
      Terminal.complain("cairn: notebook \(notebook.name) is \(notebook.state.rawValue)\(Self.cause(notebook))")
      throw ExitCode.failure
    }
    return notebook
  }

  func untilItHasStopped() async throws -> Notebook { try await wait { $0 != .stopping } }

  /// Waits until it runs, and prints an address for a browser.
  func showAddress(asJSON: Bool) async throws {
    _ = try await untilItRuns()
    let address = try await client.open(notebook: id)
    if asJSON { try Terminal.print(json: address) } else { Terminal.print(address.url) }
  }

  private func wait(until isOver: (NotebookState) -> Bool) async throws -> Notebook {
    let progress = ProgressLine()
    defer { progress.end() }
    while true {
      let notebook = try await client.notebook(id).notebook
      if isOver(notebook.state) { return notebook }
      progress.show("\(notebook.name): \(notebook.state.rawValue)")
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private static func cause(_ notebook: Notebook) -> String {
    " (\(notebook.reason.rawValue))" + (notebook.detail.map { ": \($0)" } ?? "")
  }
}
