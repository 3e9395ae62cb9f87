import Searchers
import Yams

/// A value of an experiment's file, with its key and line for complaints.
struct FileNode {
  let node: Node
  /// With dots; empty for the whole file.
  let key: String

  var line: Int? { node.mark?.line }

  func fault(_ reason: String) -> ExperimentFileError { ExperimentFileError(line: line, key: key, reason) }

  /// Whether it is null: `null`, `~` or nothing at all, and not a text in quotes.
  var isNull: Bool {
    guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  // MARK: Scalars

  func text() throws -> String {
    guard case .scalar(let scalar) = node, !isNull else { throw fault("must be a text") }
    guard !scalar.string.utf8.contains(0) else { throw fault("has a null byte in it") }
    return scalar.string
  }

  func integer(_ range: ClosedRange<Int>) throws -> Int {
    guard case .integer(let number) = value, let number = Int(exactly: number), range.contains(number) else {
      throw fault("must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func number() throws -> Double {
    guard let number = value.double, number.isFinite else { throw fault("must be a number") }
    return number
  }

  func bool() throws -> Bool {
    guard case .bool(let value) = value else { throw fault("must be true or false") }
    return value
  }

  func choice<Choice: RawRepresentable<String> & CaseIterable>(_ type: Choice.Type) throws -> Choice {
    let text = try text()
    guard let choice = Choice(rawValue: text) else {
      throw fault("must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(text)\"")
    }
    return choice
  }

  /// Whatever it is, as a parameter's value. The rules for plain words are those of PyYAML, but for numbers such as
  /// `1e-4`, which it takes for texts and everybody means as numbers.
  var value: ParameterValue {
    switch node {
    case .scalar(let scalar):
      guard scalar.style == .plain || scalar.style == .any else { return .text(scalar.string) }
      if isNull { return .null }
      let text = scalar.string
      switch text.lowercased() {
      case "true", "yes", "on": return .bool(true)
      case "false", "no", "off": return .bool(false)
      default: break
      }
      guard let first = text.utf8.first, (0x30...0x39).contains(first) || "+-.".utf8.contains(first) else {
        return .text(text)
      }
      let plain = text.replacing("_", with: "")
      if let integer = Int64(plain) { return .integer(integer) }
      let isDecimal = plain.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
      if isDecimal, let number = Double(plain), number.isFinite { return .number(number) }
      return .text(text)
    case .sequence(let items): return .list(items.map { FileNode(node: $0, key: key).value })
    case .mapping(let mapping):
      var table: [String: ParameterValue] = [:]
      for (name, item) in mapping { table[name.string ?? ""] = FileNode(node: item, key: key).value }
      return .table(table)
    case .alias: return .null
    }
  }

  // MARK: Collections

  var isMapping: Bool { if case .mapping = node { true } else { false } }

  func items(most: Int = 10_000) throws -> [FileNode] {
    guard case .sequence(let sequence) = node else { throw fault("must be a list") }
    guard sequence.count <= most else { throw fault("has more than \(most) items") }
    return sequence.enumerated().map { FileNode(node: $1, key: "\(key)[\($0)]") }
  }

  func fields() throws -> FileFields {
    guard case .mapping(let mapping) = node else {
      throw fault(key.isEmpty ? "the file must be a mapping of keys to values" : "must be a mapping of keys to values")
    }
    var values: [(name: String, node: FileNode)] = []
    for (name, item) in mapping {
      guard let text = name.string, !text.isEmpty else {
        throw ExperimentFileError(line: name.mark?.line, key: key, "has a key that is no word")
      }
      values.append((text, FileNode(node: item, key: key.isEmpty ? text : key + "." + text)))
    }
    return FileFields(owner: self, values: values)
  }
}

/// The keys of a mapping; each is taken once, and what is left over is unknown.
struct FileFields {
  let owner: FileNode
  /// In the file's order.
  private(set) var values: [(name: String, node: FileNode)]
  private var known: Set<String> = []

  init(owner: FileNode, values: [(name: String, node: FileNode)]) {
    self.owner = owner
    self.values = values
  }

  /// nil: it is not there, or null.
  mutating func take(_ name: String) -> FileNode? {
    known.insert(name)
    guard let index = values.firstIndex(where: { $0.name == name }) else { return nil }
    let found = values.remove(at: index).node
    return found.isNull ? nil : found
  }

  mutating func take<Value>(_ name: String, _ read: (FileNode) throws -> Value) throws -> Value? {
    try take(name).map(read)
  }

  mutating func need(_ name: String) throws -> FileNode {
    guard let node = take(name) else { throw owner.fault("lacks the key `\(name)`") }
    return node
  }

  /// - Throws: where a key was not asked for.
  func end() throws {
    guard let first = values.first else { return }
    throw ExperimentFileError(
      line: first.node.line, key: first.node.key,
      "is not known here; the keys are \(known.sorted().joined(separator: ", "))")
  }
}
