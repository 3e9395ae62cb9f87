/// A value of a hyperparameter: whatever YAML and JSON can say.
public enum ParameterValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case number(Double)
  case text(String)
  case list([ParameterValue])
  case table([String: ParameterValue])

  /// As a number, where it is one.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}

extension ParameterValue: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([ParameterValue].self) {
      self = .list(value)
    } else {
      self = .table(try container.decode([String: ParameterValue].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .text(let value): try container.encode(value)
    case .list(let value): try container.encode(value)
    case .table(let value): try container.encode(value)
    }
  }
}

/// A hyperparameter of a trial. One in a nested table has the names of the tables before its own, with dots between.
public struct Parameter: Hashable, Codable, Sendable {
  public let name: String
  public let value: ParameterValue

  public init(_ name: String, _ value: ParameterValue) {
    self.name = name
    self.value = value
  }
}
