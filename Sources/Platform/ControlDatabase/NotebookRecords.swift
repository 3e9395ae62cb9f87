import GRDB
import NotebookStates

extension Notebook: FetchableRecord {}
extension NotebookSnapshot: FetchableRecord {}

extension ControlDatabase {
  /// The newest first.
  public func notebooks(project: String? = nil) async throws -> [Notebook] {
    try await read {
      try Notebook.fetchAll(
        $0, sql: "SELECT * FROM notebook WHERE :project IS NULL OR project = :project ORDER BY createdAt DESC, id",
        arguments: ["project": project])
    }
  }

  /// Those for which something is to be done, the oldest first.
  public func notebooksInMotion() async throws -> [Notebook] {
    try await read {
      try Notebook.fetchAll(
        $0, sql: "SELECT * FROM notebook WHERE state NOT IN ('stopped', 'failed') ORDER BY createdAt, id")
    }
  }

  /// - Throws: ``ControlError`` `notFound`
  public func notebook(_ id: String) async throws -> Notebook { try await read { try $0.notebook(id) } }

  /// Those with this identifier or name, else those whose identifier begins so.
  public func notebooks(matching reference: String) async throws -> [Notebook] {
    try await read { database in
      let conditions = ["id = :reference OR name = :reference", "substr(id, 1, length(:reference)) = :reference"]
      for condition in conditions {
        let found = try Notebook.fetchAll(
          database, sql: "SELECT * FROM notebook WHERE \(condition) ORDER BY createdAt LIMIT 20",
          arguments: ["reference": reference])
        if !found.isEmpty { return found }
      }
      return []
    }
  }

  /// The oldest first.
  public func snapshots(of notebook: String) async throws -> [NotebookSnapshot] {
    try await read {
      try NotebookSnapshot.fetchAll(
        $0, sql: "SELECT * FROM notebookSnapshot WHERE notebook = ? ORDER BY number", arguments: [notebook])
    }
  }
}

extension Database {
  func notebook(_ id: String) throws -> Notebook {
    guard let notebook = try Notebook.fetchOne(self, sql: "SELECT * FROM notebook WHERE id = ?", arguments: [id]) else {
      throw ControlError(.notFound, subject: id, "there is no notebook \(id); cairn notebook ls shows those there are")
    }
    return notebook
  }
}
