import ControlDatabase
import FoundationEssentials
import NotebookStates
import Records
import Testing

struct NotebookRecordTests {
  private func add(_ database: ControlDatabase, name: String? = nil) async throws -> Notebook {
    try await database.addNotebook(
      NotebookRequest(project: "p", name: name, image: "host"), id: Names.newIdentifier())
  }

  @Test func `a notebook's way from start to removal is in its events, each with its reason`() async throws {
    try await withDatabase { database in
      let id = try await add(database, name: "n").id
      let first = try #require(try await database.notebook(id).job)
      #expect(try await database.notebookRuns(id).startedAt != nil)
      try await database.setExpiring(id, .idle, detail: "soon")
      try await database.setExpiring(id, nil, detail: nil)
      #expect(try await database.stopNotebook(id, .requested).state == .stopping)
      try await database.notebookStopped(id, snapshot: 1)
      #expect(try await database.snapshots(of: id).map(\.number) == [1])

      let resumed = try await database.resumeNotebook(id)
      #expect(resumed.state == .starting && resumed.job != first && resumed.stoppedAt == nil)
      _ = try await database.stopNotebook(id, .startFailed, detail: "why")
      try await database.notebookStopped(id, snapshot: nil)
      #expect(try await database.notebook(id).state == .failed)
      #expect(try await database.notebook(id).detail == "why")

      try await database.beginRemoval(ofNotebook: id)
      try await database.removeNotebook(id)
      #expect(try await database.notebooks().isEmpty)
      let events = try await database.events(after: 0, subject: id)
      #expect(
        events.map(\.to) == [
          "starting", "running", "expiring", "running", "stopping", "stopped", "starting", "stopping", "failed",
          "removing", nil,
        ])
      #expect(
        events.map(\.reason) == [
          "created", "server_ready", "idle", "activity", "requested", "requested", "resumed", "start_failed",
          "start_failed", "requested", "removed",
        ])
    }
  }

  @Test func `what may be repeated changes nothing the second time`() async throws {
    try await withDatabase { database in
      let id = try await add(database).id
      _ = try await database.notebookRuns(id)
      _ = try await database.stopNotebook(id, .idle)
      let events = try await database.events(after: 0).count
      // A reader that comes too late, a second wish to stop, a server that answers after all.
      #expect(try await database.stopNotebook(id, .requested).reason == .idle)
      #expect(try await database.notebookRuns(id).state == .stopping)
      try await database.setExpiring(id, .lifetime, detail: "soon")
      #expect(try await database.notebook(id).detail == nil)
      try await database.notebookStopped(id, snapshot: 1)
      try await database.notebookStopped(id, snapshot: 2)
      #expect(try await database.snapshots(of: id).map(\.number) == [1])
      #expect(try await database.events(after: 0).count == events + 1)
    }
  }

  @Test func `a name is one notebook's, and a running one is not removed`() async throws {
    try await withDatabase { database in
      let notebook = try await add(database, name: "n")
      for name in ["n", notebook.id] {
        await #expect(throws: ControlError.self) { try await add(database, name: name) }
      }
      await #expect(throws: ControlError.self) { try await add(database, name: "../n") }
      await #expect(throws: ControlError.self) { try await database.beginRemoval(ofNotebook: notebook.id) }
      await #expect(throws: ControlError.self) { try await database.removeProject("p") }
      #expect(try await database.notebooks(matching: "n").map(\.id) == [notebook.id])
      #expect(try await database.notebooks(matching: String(notebook.id.prefix(6))).map(\.id) == [notebook.id])
    }
  }

  @Test func `a fork is stopped and knows what it is a fork of`() async throws {
    try await withDatabase { database in
      let original = try await add(database)
      let fork = try await database.addNotebook(
        original.request, id: Names.newIdentifier(), source: NotebookSource(notebook: original.id, snapshot: 3))
      #expect(fork.state == .stopped && fork.reason == .forked && fork.job == nil)
      #expect(try await database.notebook(fork.id).source == NotebookSource(notebook: original.id, snapshot: 3))
      #expect(try await database.notebooksInMotion().map(\.id) == [original.id])
    }
  }

  /// From every state, by every transition that the table has: none leads to where there is no way out.
  @Test func `every state can be reached and left`() {
    let reached = Set(NotebookTransition.all.map(\.to)).union([.starting, .stopped])
    #expect(reached == Set(NotebookState.allCases))
    #expect(Set(NotebookTransition.all.map(\.from)) == Set(NotebookState.allCases).subtracting([.removing]))
    #expect(NotebookTransition.all.allSatisfy { $0.to != .removing || !$0.from.isActive })
  }
}
