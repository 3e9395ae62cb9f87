import GRDB
import Logging

// Aliases as files: `models/digits/champion` is a link to `3`, and so is `latest`.
extension ModelRepository {
  /// The link to the newest version that is ready. No alias can be called so.
  static let latest = "latest"

  /// Lets these names in a model's directory lead where the records say, or nowhere. A link that could not be made is only
  /// told: the records are what counts, and the next start of the daemon makes it.
  func mendLinks(_ names: [String], in directory: String) async {
    do {
      try await links.run { [self] in
        for name in names {
          // Read here, where no other call comes between: the last one sees the last state.
          let target = try await read { try Self.target(of: name, in: directory, $0) }
          if let target {
            try await storage.setLink("\(directory)/\(name)", to: String(target))
          } else {
            try await storage.removeLink("\(directory)/\(name)")
          }
        }
      }
    } catch {
      logger.warning(
        "links of a model were not made; the next start will",
        metadata: ["directory": "\(directory)", "error": "\(error)"])
    }
  }

  /// All links of all models, after a start.
  func mendAllLinks() async throws {
    let models = try await read { try RegisteredModel.fetchAll($0, sql: "SELECT * FROM model") }
    for model in models {
      let aliases = try await read { database in
        try String.fetchAll(database, sql: "SELECT alias FROM modelAlias WHERE model = ?", arguments: [model.id])
      }
      await mendLinks(aliases + [Self.latest], in: model.directory)
    }
  }

  /// By the directory, which may be another model's since its name was read.
  private static func target(of name: String, in directory: String, _ database: Database) throws -> Int64? {
    let isThere = "directory = ? AND status = 'READY' AND path IS NOT NULL"
    if name == latest {
      return try Int64.fetchOne(
        database,
        sql: "SELECT max(number) FROM modelVersion JOIN model ON model.id = modelVersion.model WHERE \(isThere)",
        arguments: [directory])
    }
    return try Int64.fetchOne(
      database,
      sql: """
        SELECT number FROM modelAlias JOIN modelVersion USING (model, number) JOIN model ON model.id = model
        WHERE \(isThere) AND alias = ?
        """, arguments: [directory, name])
  }
}
