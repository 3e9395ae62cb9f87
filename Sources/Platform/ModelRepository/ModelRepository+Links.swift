import GRDB
import Logging

// Aliases as files: `models/digits/champion` is a link to `3`, and so is `latest`.
extension ModelRepository {
  /// The link to the newest version that is ready. No alias can be called so.
  static let latest = "latest"

  /// Lets all links of a model lead where the records say. A link that could not be made is only told: the records are
  /// what counts, and the next start of the daemon makes it.
  func mendLinks(ofModel id: Int64) async {
    do {
      let (directory, links) = try await read { database in
        let directory = try String.fetchOne(
          database, sql: "SELECT directory FROM model WHERE id = ?", arguments: [id])
        let aliases = try Row.fetchAll(
          database,
          sql: """
            SELECT alias, number FROM modelAlias JOIN modelVersion USING (model, number)
            WHERE model = ? AND status = 'READY' AND path IS NOT NULL
            """, arguments: [id])
        let latest = try Int64.fetchOne(
          database,
          sql: "SELECT max(number) FROM modelVersion WHERE model = ? AND status = 'READY' AND path IS NOT NULL",
          arguments: [id])
        var links = Dictionary(uniqueKeysWithValues: aliases.map { ($0[0] as String, $0[1] as Int64) })
        links[Self.latest] = latest
        return (directory, links)
      }
      guard let directory else { return }
      for (name, number) in links { try await storage.setLink("\(directory)/\(name)", to: String(number)) }
      if links[Self.latest] == nil { try await storage.removeLink("\(directory)/\(Self.latest)") }
    } catch {
      logger.warning("the links of a model were not made; the next start will", metadata: ["error": "\(error)"])
    }
  }

  func removeLink(_ alias: String, of model: RegisteredModel) async {
    do {
      try await storage.removeLink("\(model.directory)/\(alias)")
    } catch {
      logger.warning(
        "a link was not removed", metadata: ["link": "\(model.directory)/\(alias)", "error": "\(error)"])
    }
  }
}
