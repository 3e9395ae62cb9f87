import JobStates
import Searchers
import Yams

extension ExperimentFile {
  /// The longest file that is read.
  public static let sizeLimit = 256 << 10

  /// Reads a file: Cairn's own, or a sweep as Weights & Biases has it.
  /// - Parameter seed: of the search, where the file has none.
  /// - Throws: ``ExperimentFileError``
  public init(parsing text: String, seed: UInt64) throws {
    guard text.utf8.count <= Self.sizeLimit else {
      throw ExperimentFileError(line: nil, key: "", "the file is longer than \(Self.sizeLimit >> 10) KiB")
    }
    try checkShape(of: text)
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch let error as YamlError {
      throw ExperimentFileError(line: nil, key: "", "it is not YAML: \(error)")
    }
    guard let root else { throw ExperimentFileError(line: nil, key: "", "the file is empty") }
    var fields = try FileNode(node: root, key: "").fields()
    name = try fields.take("name") { try $0.name() }
    project = try fields.take("project") { try $0.text() }
    workspace = try fields.take("workspace") { try $0.text() }
    // What people and Weights & Biases' own service read.
    for key in ["description", "entity", "version"] { _ = fields.take(key) }
    var template = JobTemplate()
    try template.read(&fields)
    if fields.values.contains(where: { $0.name == "roles" || $0.name == "replicas" }) {
      work = .group(try ReplicaGroup(reading: &fields, template))
    } else {
      work = .sweep(try Sweep(reading: &fields, template, seed: seed))
    }
    job = template
    try fields.end()
  }
}

/// Refuses what would cost the YAML library more than its size: it goes down into nested values by recursion, and an
/// alias may stand for a value that is made of aliases.
private func checkShape(of text: String) throws {
  var depth = 0
  var line = 1
  var margin: Int? = 0
  let bytes = Array(text.utf8)
  for (place, byte) in bytes.enumerated() {
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
    case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
    case UInt8(ascii: "*"), UInt8(ascii: "&"):
      let before = place > 0 ? bytes[place - 1] : 10
      let after = place + 1 < bytes.count ? bytes[place + 1] : 10
      // libyaml's names of anchors are made of these; `a && b` and `*.txt` have none.
      let begins =
        (0x30...0x39).contains(after) || (0x41...0x5A).contains(after & 0xDF) || after == 0x5F || after == 0x2D
      if begins, " \n\t,[{-:?".utf8.contains(before) {
        throw ExperimentFileError(line: line, key: "", "has an anchor or alias of YAML, which are not read")
      }
    default: break
    }
    // Block values are nested by what a line begins with.
    if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
      margin = 0
      if byte == UInt8(ascii: "\n") { line += 1 }
    } else if let width = margin {
      margin = " -?:\t".utf8.contains(byte) ? width + 1 : nil
    }
    guard depth <= 32, margin ?? 0 <= 128 else {
      throw ExperimentFileError(line: line, key: "", "has values that are nested too deeply")
    }
  }
}

extension FileNode {
  /// As `Names.isValid` of jobs has it.
  func name() throws -> String {
    let text = try text()
    let isValid =
      (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || "._-".utf8.contains(byte)
      } && !"._-".utf8.contains(text.utf8.first ?? 0x2E)
    guard isValid else {
      throw fault("can't be \"\(text)\": use up to 64 letters, digits, dots, dashes and underscores")
    }
    return text
  }

  /// A list of words, or a line of words with blanks between.
  func command() throws -> [String] {
    if case .sequence = node { return try items(most: 1000).map { $0.isNull ? "" : try $0.text() } }
    let words = try text().split(whereSeparator: \.isWhitespace).map(String.init)
    guard !words.contains(where: { $0.contains("\"") || $0.contains("'") }) else {
      throw fault("has quotes; no shell reads it, so write it as a list of words")
    }
    return words
  }
}

extension JobTemplate {
  mutating func read(_ fields: inout FileFields) throws {
    if let image = try fields.take("image", { try $0.text() }) { self.image = image }
    for key in ["environment", "env"] {
      guard let node = fields.take(key) else { continue }
      for (name, value) in try node.fields().values { environment[name] = value.isNull ? "" : try value.text() }
    }
    if let gpus = try fields.take("gpus", { try $0.integer(0...1024) }) { self.gpus = gpus }
    if let cpus = fields.take("cpus") {
      let number = try cpus.number()
      guard number >= 0.01 else { throw cpus.fault("must be 0.01 or more") }
      self.cpus = number
    }
    if let memory = fields.take("memory") { memoryBytes = try memory.bytes() }
    if let timeout = fields.take("timeout") { timeoutSeconds = try timeout.seconds() }
    if let retries = try fields.take("retries", { try $0.integer(0...1000) }) { self.retries = retries }
    if let user = try fields.take("user", { try $0.text() }) { self.user = user }
    if let priority = try fields.take("priority", { try $0.choice(JobPriority.self) }) { self.priority = priority }
    try readSecrets(&fields)
    for node in try fields.take("models", { try $0.items(most: 100) }) ?? [] {
      let reference = try node.text()
      guard !reference.isEmpty, !reference.hasPrefix(":"), !reference.hasPrefix("@") else {
        throw node.fault("must be a model version such as digits:3")
      }
      if models?.contains(reference) != true { models = (models ?? []) + [reference] }
    }
  }

  /// As `--secret` and `--secret-file` of `cairn run` have them. A role's own take the place of those for all where they
  /// are at the same place.
  private mutating func readSecrets(_ fields: inout FileFields) throws {
    for (key, isFile) in [("secrets", false), ("secret_files", true)] {
      for node in try fields.take(key, { try $0.items(most: 100) }) ?? [] {
        let (name, place) = try node.secret()
        let use =
          isFile
          ? SecretUse(name: name, file: place ?? "/run/secrets/\(name)")
          : SecretUse(name: name, variable: place ?? name)
        secrets = (secrets ?? []).filter { $0.variable != use.variable || $0.file != use.file } + [use]
      }
    }
  }
}

extension FileNode {
  /// `NAME`, or `NAME:PLACE`.
  fileprivate func secret() throws -> (name: String, place: String?) {
    let parts = try text().split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.allSatisfy({ !$0.isEmpty }) else {
      throw fault("must be the name of a secret, such as hf_token, or hf_token:HF_TOKEN")
    }
    return (parts[0], parts.count > 1 ? parts[1] : nil)
  }

  /// A number of bytes, such as `512m` or `8g`; the units are powers of 1024.
  fileprivate func bytes() throws -> UInt64 {
    let shifts: [String: UInt64] = ["": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40]
    let (number, unit) = try quantity()
    guard let shift = shifts[unit.replacing("ib", with: "")], number * Double(1 << shift) < 9e18 else {
      throw fault("must be a number of bytes such as 512m or 8g")
    }
    return UInt64(number * Double(1 << shift))
  }

  /// A time span, such as `90s`, `30m`, `2h`, `1d`.
  fileprivate func seconds() throws -> Int {
    let units: [String: Double] = ["": 1, "s": 1, "m": 60, "h": 3600, "d": 86400]
    let (number, unit) = try quantity()
    guard let factor = units[unit], number * factor >= 1, number * factor < 3e9 else {
      throw fault("must be a time such as 90s, 30m, 2h or 1d")
    }
    return Int(number * factor)
  }

  private func quantity() throws -> (Double, String) {
    let text = try text().lowercased()
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits) else { throw fault("must begin with a number") }
    return (number, String(text.dropFirst(digits.count)))
  }
}
