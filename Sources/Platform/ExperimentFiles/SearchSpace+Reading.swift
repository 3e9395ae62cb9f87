import Glibc
import Searchers

extension SearchSpace {
  /// The key `parameters`, in the vocabulary of Weights & Biases.
  init(reading node: FileNode) throws {
    var dimensions: [Dimension] = []
    try Self.read(node, prefix: "", into: &dimensions)
    guard !dimensions.isEmpty else { throw node.fault("names no parameter") }
    self.init(dimensions)
  }

  private static func read(_ node: FileNode, prefix: String, into dimensions: inout [Dimension]) throws {
    for (name, value) in try node.fields().values {
      guard name.utf8.count <= 200, name.unicodeScalars.allSatisfy({ $0.value > 32 && $0.value != 0x3D }) else {
        throw value.fault("can't be a parameter's name: it has blanks or `=` in it, or is too long")
      }
      let path = prefix + name
      if value.isMapping, let inner = try nested(value) {
        try read(inner, prefix: path + ".", into: &dimensions)
      } else {
        dimensions.append(Dimension(path, try Distribution(reading: value)))
      }
      guard dimensions.count <= 500 else { throw node.fault("has more than 500 parameters") }
      guard Set(dimensions.map(\.name)).count == dimensions.count else {
        throw value.fault("stands here a second time")
      }
    }
  }

  /// The `parameters` of a parameter that is a table of others.
  private static func nested(_ node: FileNode) throws -> FileNode? {
    var fields = try node.fields()
    guard let inner = fields.take("parameters"), inner.isMapping else { return nil }
    try fields.end()
    return inner
  }
}

extension Distribution {
  private enum Name: String, CaseIterable {
    case constant, categorical
    case categoricalWithProbabilities = "categorical_w_probabilities"
    case integer = "int_uniform"
    case uniform
    case quantizedUniform = "q_uniform"
    case logUniform = "log_uniform"
    case logUniformValues = "log_uniform_values"
    case quantizedLogUniform = "q_log_uniform"
    case quantizedLogUniformValues = "q_log_uniform_values"
    case inverseLogUniform = "inv_log_uniform"
    case inverseLogUniformValues = "inv_log_uniform_values"
    case normal
    case quantizedNormal = "q_normal"
    case logNormal = "log_normal"
    case quantizedLogNormal = "q_log_normal"

    var isQuantized: Bool { rawValue.hasPrefix("q_") }
  }

  init(reading node: FileNode) throws {
    // `epochs: 27`, which Weights & Biases has not, says what `epochs: {value: 27}` says.
    guard node.isMapping else {
      if case .list(let values) = node.value {
        throw node.fault("must be a mapping: for a choice of these \(values.count), write {values: […]}")
      }
      self = .constant(node.value)
      return
    }
    var fields = try node.fields()
    let name = try fields.take("distribution") { try $0.choice(Name.self) } ?? Self.name(impliedBy: fields)
    switch name {
    case .constant: self = .constant(try fields.need("value").value)
    case .categorical, .categoricalWithProbabilities: self = try Self.categorical(&fields)
    case .integer: self = try Self.integer(&fields)
    case .uniform, .quantizedUniform:
      let (low, high) = try Self.bounds(&fields)
      self.init(.uniform(min: low, max: high))
    case .logUniform, .quantizedLogUniform:
      // Weights & Biases' bounds are exponents of e here.
      let (low, high) = try Self.bounds(&fields)
      guard exp(low) > 0, exp(high).isFinite else { throw node.fault("has exponents that are too large") }
      self.init(.logUniform(min: exp(low), max: exp(high)))
    case .logUniformValues, .quantizedLogUniformValues, .inverseLogUniformValues:
      let (low, high) = try Self.bounds(&fields)
      guard low > 0 else { throw node.fault("needs a `min` above 0") }
      self.init(.logUniform(min: low, max: high))
    case .inverseLogUniform:
      let (low, high) = try Self.bounds(&fields)
      guard exp(-high) > 0, exp(-low).isFinite else { throw node.fault("has exponents that are too large") }
      self.init(.logUniform(min: exp(-high), max: exp(-low)))
    case .normal, .quantizedNormal, .logNormal, .quantizedLogNormal:
      let mean = try fields.take("mu") { try $0.number() } ?? 0
      let deviation = try fields.take("sigma") { try $0.number() } ?? 1
      guard deviation > 0 else { throw node.fault("needs a `sigma` above 0") }
      let isLog = name == .logNormal || name == .quantizedLogNormal
      self.init(isLog ? .logNormal(mean: mean, deviation: deviation) : .normal(mean: mean, deviation: deviation))
    }
    if let quantum = fields.take("q") {
      let number = try quantum.number()
      guard number > 0 else { throw quantum.fault("must be above 0") }
      self.quantum = number
      if case .integer = shape, number != number.rounded() { throw quantum.fault("must be whole") }
    } else if name.isQuantized {
      quantum = 1
    }
    try fields.end()
    try checkQuantum(node)
  }

  /// As Weights & Biases guesses it from the keys that are there.
  private static func name(impliedBy fields: FileFields) throws -> Name {
    func has(_ key: String) -> Bool { fields.values.contains { $0.name == key } }
    if has("value") { return .constant }
    if has("values") { return .categorical }
    if has("min") || has("max") {
      let bounds = fields.values.filter { ["min", "max"].contains($0.name) }.map(\.node.value)
      let areWhole = bounds.allSatisfy { if case .integer = $0 { true } else { false } }
      return areWhole ? .integer : .uniform
    }
    if has("mu") || has("sigma") { return .normal }
    throw fields.owner.fault("needs value, values, min and max, or a distribution")
  }

  private static func categorical(_ fields: inout FileFields) throws -> Distribution {
    let node = try fields.need("values")
    let values = try node.items().map(\.value)
    guard !values.isEmpty else { throw node.fault("is empty") }
    guard let weights = fields.take("probabilities") else {
      return Distribution(.categorical(values, probabilities: nil))
    }
    let numbers = try weights.items().map { try $0.number() }
    let sum = numbers.reduce(0, +)
    guard numbers.count == values.count, numbers.allSatisfy({ $0 >= 0 }), sum > 0, sum.isFinite else {
      throw weights.fault("must be a number from 0 for each of the \(values.count) values")
    }
    return Distribution(.categorical(values, probabilities: numbers.map { $0 / sum }))
  }

  private static func integer(_ fields: inout FileFields) throws -> Distribution {
    let limit = 1 << 53
    let low = try fields.need("min").integer(-limit...limit)
    let high = try fields.need("max").integer(-limit...limit)
    guard low <= high else { throw fields.owner.fault("has a `min` above its `max`") }
    return Distribution(.integer(min: Int64(low), max: Int64(high)))
  }

  private static func bounds(_ fields: inout FileFields) throws -> (Double, Double) {
    let low = try fields.need("min").number()
    let high = try fields.need("max").number()
    guard low <= high else { throw fields.owner.fault("has a `min` above its `max`") }
    guard (high - low).isFinite else { throw fields.owner.fault("has too wide a range") }
    return (low, high)
  }

  /// A range must hold a multiple of its quantum.
  private func checkQuantum(_ node: FileNode) throws {
    guard let quantum else { return }
    switch shape {
    case .uniform(let min, let max), .logUniform(let min, let max):
      guard (min / quantum).rounded(.up) <= (max / quantum).rounded(.down), max / quantum < 1e15 else {
        throw node.fault("holds no multiple of its `q`")
      }
    case .integer:
      guard quantum < 1e15 else { throw node.fault("has too large a `q`") }
    case .categorical: throw node.fault("has a `q`, which a list of values can't have")
    case .normal, .logNormal: break
    }
  }
}
