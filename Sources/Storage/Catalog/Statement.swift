import CSQLite

/// A prepared statement. Values are bound in the order of its parameters; whatever runs it resets it,
/// so between two uses it holds no lock and no values.
///
/// Not thread-safe: it belongs to its ``Connection``.
final class Statement {
  private let handle: OpaquePointer
  private let sql: String
  /// The parameter that the next `bind` sets.
  private var parameter: Int32 = 1
  /// The first failure among the binds: it is thrown when the statement runs, so that binds can be chained.
  private var bindResult = SQLITE_OK

  init(_ database: OpaquePointer, _ sql: String) throws(CatalogError) {
    var handle: OpaquePointer?
    let result = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
    guard result == SQLITE_OK, let handle else { throw CatalogError(sqlite: result, database, sql) }
    self.handle = handle
    self.sql = sql
  }

  deinit { sqlite3_finalize(handle) }

  // MARK: Parameters

  @discardableResult
  func bind(_ value: Int64) -> Statement { bound(sqlite3_bind_int64(handle, parameter, value)) }

  /// SQLite's integers are signed: values above `Int64.max` are stored as the negative number with
  /// the same bits, and come back as they were.
  @discardableResult
  func bind(_ value: UInt64) -> Statement { bind(Int64(bitPattern: value)) }

  @discardableResult
  func bind(_ value: UInt32) -> Statement { bind(Int64(value)) }

  @discardableResult
  func bindNull() -> Statement { bound(sqlite3_bind_null(handle, parameter)) }

  @discardableResult
  func bind(_ bytes: [UInt8]) -> Statement { bytes.withUnsafeBytes { bind($0) } }

  @discardableResult
  func bind(_ bytes: UnsafeRawBufferPointer) -> Statement {
    // A null pointer would bind NULL instead of an empty value.
    guard let base = bytes.baseAddress, !bytes.isEmpty else {
      return bound(sqlite3_bind_zeroblob(handle, parameter, 0))
    }
    return bound(sqlite3_bind_blob64(handle, parameter, base, UInt64(bytes.count), copied))
  }

  @discardableResult
  func bind(_ text: String) -> Statement { bound(sqlite3_bind_text(handle, parameter, text, -1, copied)) }

  private func bound(_ result: Int32) -> Statement {
    if result != SQLITE_OK, bindResult == SQLITE_OK { bindResult = result }
    parameter += 1
    return self
  }

  // MARK: Running

  /// Runs a statement whose rows, if any, do not matter.
  func run() throws(CatalogError) {
    defer { reset() }
    while try step() {}
  }

  /// The first row, or nil.
  func first<Result>(_ body: (Row) throws(CatalogError) -> Result) throws(CatalogError) -> Result? {
    defer { reset() }
    return try step() ? try body(Row(handle, sql)) : nil
  }

  func forEach(_ body: (Row) throws(CatalogError) -> Void) throws(CatalogError) {
    defer { reset() }
    while try step() { try body(Row(handle, sql)) }
  }

  func all<Result>(_ body: (Row) throws(CatalogError) -> Result) throws(CatalogError) -> [Result] {
    var results: [Result] = []
    try forEach { (row) throws(CatalogError) in results.append(try body(row)) }
    return results
  }

  private func step() throws(CatalogError) -> Bool {
    let result = bindResult == SQLITE_OK ? sqlite3_step(handle) : bindResult
    switch result {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default: throw CatalogError(sqlite: result, sqlite3_db_handle(handle), sql)
    }
  }

  private func reset() {
    // The result repeats the failure of the last step, which was thrown already.
    sqlite3_reset(handle)
    parameter = 1
    bindResult = SQLITE_OK
  }

  private var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
}

/// The row that a statement stands on: valid only within the closure that it is given to.
///
/// A noncopyable type would enforce that, but Swift 6.3.1's optimiser crashes on it here.
struct Row {
  private let handle: OpaquePointer
  private let sql: String

  fileprivate init(_ handle: OpaquePointer, _ sql: String) {
    self.handle = handle
    self.sql = sql
  }

  func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  func uint64(_ column: Int32) -> UInt64 { UInt64(bitPattern: int64(column)) }

  func uint32(_ column: Int32) throws(CatalogError) -> UInt32 {
    guard let value = UInt32(exactly: int64(column)) else {
      throw CatalogError(.damaged, sql, "column \(column) has \(int64(column)), which is out of range")
    }
    return value
  }

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  func bytes(_ column: Int32) -> [UInt8] { withBytes(column) { [UInt8]($0) } }

  func text(_ column: Int32) -> String { withBytes(column) { String(decoding: $0, as: UTF8.self) } }

  /// The bytes are valid only within `body`.
  func withBytes<Result, Failure: Error>(
    _ column: Int32, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // In this order, as SQLite's manual asks: the pointer may move when the type is converted.
    let base = sqlite3_column_blob(handle, column)
    let count = Int(sqlite3_column_bytes(handle, column))
    return try body(UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : count))
  }

  /// An error about what this row holds.
  func damaged(_ message: String) -> CatalogError { CatalogError(.damaged, sql, message) }
}
