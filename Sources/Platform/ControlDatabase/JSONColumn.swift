import FoundationEssentials

/// The JSON that GRDB reads into a nested `Codable` value.
func jsonColumn(_ value: some Encodable) throws -> String {
  String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
}
