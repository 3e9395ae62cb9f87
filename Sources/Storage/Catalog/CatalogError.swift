import CSQLite
import Glibc

/// What went wrong with the catalog: what was tried, what SQLite said, and what to do about it.
public struct CatalogError: Error, CustomStringConvertible, Sendable {
  public enum Code: String, Sendable {
    /// What the file holds contradicts itself or is no catalog.
    case damaged
    /// The disk, or the room that SQLite was given on it, is used up. Nothing of the batch was kept.
    case full
    /// Another process holds the file.
    case busy
    /// A newer Cairn wrote the file.
    case newerVersion
    /// Anything else: an error of the disk, or a request that makes no sense.
    case failed
  }

  public let code: Code
  /// What was tried: an SQL statement, or what it is for, with the identifiers concerned.
  public let operation: String
  /// Why it failed, in SQLite's words where it was SQLite that failed.
  public let message: String

  public init(_ code: Code, _ operation: String, _ message: String) {
    self.code = code
    self.operation = operation
    self.message = message
  }

  /// The error that `database` reports for `result`. `database` may be nil where there is none yet.
  init(sqlite result: Int32, _ database: OpaquePointer?, _ operation: String) {
    let systemCode = database.map { sqlite3_system_errno($0) } ?? 0
    var message = String(cString: database.map { sqlite3_errmsg($0) } ?? sqlite3_errstr(result))
    if systemCode != 0 { message += " (\(String(cString: strerror(systemCode))))" }
    self.init(Self.code(of: result, systemCode), operation, "\(message), SQLite's code \(result)")
  }

  private static func code(of result: Int32, _ systemCode: Int32) -> Code {
    switch result & 0xff {
    case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT: .damaged
    case SQLITE_FULL: .full
    case SQLITE_BUSY, SQLITE_LOCKED: .busy
    // SQLite reports a disk that fills up during a sync or an extension of the file as any other
    // error of the disk; only errno tells.
    case SQLITE_IOERR: systemCode == ENOSPC || systemCode == EDQUOT ? .full : .failed
    default: .failed
    }
  }

  /// What to do, as a sentence.
  public var advice: String {
    switch code {
    case .damaged: "Run `cairn storage check`; if it confirms the damage, restore the catalog or rebuild it."
    case .full: "Free space on the disk that holds the store; nothing is lost, the work is tried again."
    case .busy: "Stop whatever else has the catalog open; only one daemon may use a store."
    case .newerVersion: "Use the version of Cairn that wrote this store, or a newer one."
    case .failed: "Look at the kernel's log for errors of the disk; if there are none, report this."
    }
  }

  public var description: String { "catalog: \(operation): \(message). \(advice)" }
}
