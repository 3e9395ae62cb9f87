import GRDB
public import Tracker

extension SearchTable {
  static let models = SearchTable(
    selection: "SELECT model.* FROM model",
    attributes: [
      "name": "model.name", "creation_timestamp": "model.createdAt", "last_updated_timestamp": "model.updatedAt",
    ],
    keyed: [
      .tag: Keyed(row: "FROM modelTag WHERE model = model.id AND key = ?", value: "value", hasNumberedKeys: false)
    ],
    tieBreakers: [("model.name", true), ("model.project", true)])

  /// What decides last is also the order where none is asked for.
  static let modelVersions = SearchTable(
    selection: ModelVersion.selection,
    attributes: [
      "name": "model.name", "run_id": "modelVersion.runID", "source_path": "modelVersion.source",
      "version_number": "modelVersion.number", "creation_timestamp": "modelVersion.createdAt",
      "last_updated_timestamp": "modelVersion.updatedAt",
    ],
    keyed: [
      .tag: Keyed(
        row: """
          FROM modelVersionTag WHERE modelVersionTag.model = modelVersion.model
            AND modelVersionTag.number = modelVersion.number AND key = ?
          """, value: "value", hasNumberedKeys: false)
    ],
    tieBreakers: [
      ("modelVersion.updatedAt", false), ("model.name", true), ("modelVersion.number", false), ("model.project", true),
    ])
}

/// Some of what a search found.
public struct ModelPage<Record: Sendable>: Sendable {
  public let records: [Record]
  /// What to hand in for those that come after; nil: there are none.
  public let next: PageToken?
}

extension ModelRepository {
  /// Models of a project, or of all. Without an order they come by name.
  /// - Throws: `FilterError` for a token of another search.
  public func searchModels(
    in project: String?, _ filter: SearchFilter, _ order: SearchOrder, after token: PageToken? = nil, limit: Int
  ) async throws -> ModelPage<RegisteredModel> {
    let (filter, prompts) = withoutPrompts(filter, "FROM modelTag WHERE model = model.id")
    let statement = try SearchStatement(
      .models, filter, order, conditions: prompts + inProject(project), after: token, limit: limit)
    return try await read { database in
      let page = try statement.page(database, limit: limit)
      return ModelPage(records: try page.rows.map { try database.complete(RegisteredModel(row: $0)) }, next: page.next)
    }
  }

  /// Versions of a project, or of all. Without an order the last changed comes first.
  /// - Throws: `FilterError` for a token of another search.
  public func searchVersions(
    in project: String?, _ filter: SearchFilter, _ order: SearchOrder, after token: PageToken? = nil, limit: Int
  ) async throws -> ModelPage<ModelVersion> {
    let (filter, prompts) = withoutPrompts(
      filter,
      """
      FROM modelVersionTag WHERE modelVersionTag.model = modelVersion.model
        AND modelVersionTag.number = modelVersion.number
      """)
    let statement = try SearchStatement(
      .modelVersions, filter, order, conditions: prompts + inProject(project), after: token, limit: limit)
    return try await read { database in
      let page = try statement.page(database, limit: limit)
      return ModelPage(records: try page.rows.map { try database.complete(ModelVersion(row: $0)) }, next: page.next)
    }
  }

  private typealias Condition = (sql: String, arguments: StatementArguments)

  private func inProject(_ project: String?) -> [Condition] {
    project.map { [("model.project = ?", [$0])] } ?? []
  }

  /// Prompts are found only by who asks for them: by any comparison of their tag. That a record without the tag is none
  /// is the one case in which a tag that is missing is unlike a text.
  private func withoutPrompts(_ filter: SearchFilter, _ tags: String) -> (SearchFilter, [Condition]) {
    func asksForPrompts(_ comparison: SearchFilter.Comparison) -> Bool {
      comparison.entity == .tag && comparison.key == Prompts.tag
    }
    func isOther(_ comparison: SearchFilter.Comparison) -> Bool {
      if case .text(.notEqual, _) = comparison.condition { return true }
      return false
    }
    let asked = filter.comparisons.filter(asksForPrompts)
    guard asked.allSatisfy(isOther) else { return (filter, []) }
    var rest = filter
    rest.comparisons.removeAll(where: asksForPrompts)
    return (rest, [("NOT EXISTS (SELECT 1 \(tags) AND key = '\(Prompts.tag)' AND lower(value) = 'true')", [])])
  }
}
