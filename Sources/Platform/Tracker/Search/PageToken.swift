import FoundationEssentials
import GRDB
import Wire

/// Where a page of a search ends, as clients hand it back: the last row's values of the columns by which the rows are
/// ordered. A search goes on there, however many rows come or go before it.
public struct PageToken: Sendable, Equatable {
  let values: [DatabaseValue]

  init(values: [DatabaseValue]) { self.values = values }

  /// Reads what ``text`` was; an empty text is the beginning.
  /// - Throws: ``FilterError``
  public init?(_ text: String) throws(FilterError) {
    if text.isEmpty { return nil }
    let fault = FilterError("Invalid page token '\(text.prefix(80))': hand back the one that came with the last page.")
    guard let data = Data(base64Encoded: text), let json = try? JSONValue(parsing: [UInt8](data)),
      case .array(let items) = json, items.count <= 100
    else { throw fault }
    values = try items.map { item throws(FilterError) in
      switch item {
      case .null: .null
      case .integer(let number): number.databaseValue
      case .string(let text): text.databaseValue
      // By its bits, for infinity is a value too.
      case .array(let double):
        if case .integer(let bits)? = double.first {
          Double(bitPattern: UInt64(bitPattern: bits)).databaseValue
        } else {
          throw fault
        }
      case .bool, .double, .object: throw fault
      }
    }
  }

  public var text: String {
    let items = values.map { value -> JSONValue in
      switch value.storage {
      case .null, .blob: .null
      case .int64(let number): .integer(number)
      case .double(let number): .array([.integer(Int64(bitPattern: number.bitPattern))])
      case .string(let text): .string(text)
      }
    }
    var writer = JSONWriter()
    writer.value(.array(items))
    return Data(writer.bytes).base64EncodedString()
  }
}
