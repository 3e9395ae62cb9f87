/// The header of a GGUF file: keys and values, and the tensors' names, types and shapes.
///
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 2 and 3, little-endian.
enum GGUFReader {
  static let magic = Array("GGUF".utf8)

  /// Values of arrays that are passed over: a tokenizer's vocabulary has a few hundred thousand.
  private static let mostElements = 20_000_000

  static func read(_ source: ByteSource, into description: inout ModelDescription) throws {
    var cursor = ByteCursor(source)
    guard try cursor.bytes(4, limit: 4) == magic else { throw FormatError("it does not begin with GGUF") }
    let version = try cursor.integer(UInt32.self)
    guard version == 2 || version == 3 else {
      throw FormatError("its version is \(version); 2 and 3 in little-endian order are read")
    }
    let tensors = try cursor.integer(UInt64.self)
    let keys = try cursor.integer(UInt64.self)
    guard tensors <= 1_000_000, keys <= 100_000 else {
      throw FormatError("it would have \(tensors) tensors and \(keys) keys")
    }
    var found = ModelDescription()
    var elements = mostElements
    for _ in 0..<keys {
      let key = try text(&cursor, limit: 1 << 16)
      if let value = try value(&cursor, type: cursor.integer(), &elements) { found.note(key, value) }
    }
    var parameters: UInt64 = 0
    var types: [UInt32: Int] = [:]
    for _ in 0..<tensors {
      let (tensor, type) = try tensor(&cursor)
      guard let count = tensor.shape.flatMap(elementCount) else {
        throw FormatError("the shape of a tensor is impossible")
      }
      parameters = saturatingSum(parameters, count)
      types[type, default: 0] += 1
      found.add(tensor: tensor)
    }
    description.recognise(.gguf)
    for (key, value) in found.metadata.sorted(by: { $0.key < $1.key }) { description.note(key, value) }
    for tensor in found.tensors { description.add(tensor: tensor) }
    description.note("gguf.version", String(version))
    if let most = types.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) {
      description.note("gguf.quantization", quantization(found.metadata["general.file_type"]) ?? name(ofType: most.key))
    }
    description.count(parameters: parameters, tensors: tensors)
  }

  private static func text(_ cursor: inout ByteCursor, limit: Int) throws -> String {
    let length = try cursor.integer(UInt64.self)
    return String(decoding: try cursor.bytes(length, limit: limit), as: UTF8.self)
  }

  /// A value as a text; nil for what is too long to be shown.
  private static func value(_ cursor: inout ByteCursor, type: UInt32, _ elements: inout Int) throws -> String? {
    switch type {
    case 0: return String(try cursor.integer(UInt8.self))
    case 1: return String(try cursor.integer(Int8.self))
    case 2: return String(try cursor.integer(UInt16.self))
    case 3: return String(try cursor.integer(Int16.self))
    case 4: return String(try cursor.integer(UInt32.self))
    case 5: return String(try cursor.integer(Int32.self))
    case 6: return String(Float(bitPattern: try cursor.integer()))
    case 7: return try cursor.byte() == 0 ? "false" : "true"
    case 8: return try text(&cursor, limit: 1 << 20)
    case 9: return try array(&cursor, &elements)
    case 10: return String(try cursor.integer(UInt64.self))
    case 11: return String(try cursor.integer(Int64.self))
    case 12: return String(Double(bitPattern: try cursor.integer()))
    default: throw FormatError("one of its values has the type \(type), which there is not")
    }
  }

  /// Passes over an array and says how long it is.
  private static func array(_ cursor: inout ByteCursor, _ elements: inout Int) throws -> String? {
    let type = try cursor.integer(UInt32.self)
    let count = try cursor.integer(UInt64.self)
    guard count <= UInt64(elements) else { throw FormatError("its arrays have too many values") }
    elements -= Int(count)
    let sizes: [UInt32: UInt64] = [0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8]
    if let size = sizes[type] {
      try cursor.skip(count * size)
    } else if type == 8 {
      for _ in 0..<count { try cursor.skip(cursor.integer(UInt64.self)) }
    } else {
      throw FormatError("one of its arrays is of the type \(type), which can't be in one")
    }
    return "\(count) values"
  }

  private static func tensor(_ cursor: inout ByteCursor) throws -> (TensorDescription, UInt32) {
    let name = try text(&cursor, limit: 1 << 16)
    let dimensions = try cursor.integer(UInt32.self)
    guard dimensions <= 16 else { throw FormatError("one of its tensors has \(dimensions) dimensions") }
    var shape: [Int64] = []
    for _ in 0..<dimensions { shape.append(Int64(clamping: try cursor.integer(UInt64.self))) }
    let type = try cursor.integer(UInt32.self)
    try cursor.skip(8)
    let description = TensorDescription(
      name: bounded(name, Bounds.nameLength), type: self.name(ofType: type), shape: shape)
    return (description, type)
  }

  /// `ggml_type`.
  private static func name(ofType type: UInt32) -> String {
    let names: [UInt32: String] = [
      0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
      12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
      20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
      29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
    ]
    return names[type] ?? "type \(type)"
  }

  /// `general.file_type`: what most of the tensors are stored as.
  private static func quantization(_ fileType: String?) -> String? {
    let names: [String: String] = [
      "0": "F32", "1": "F16", "2": "Q4_0", "3": "Q4_1", "7": "Q8_0", "8": "Q5_0", "9": "Q5_1", "10": "Q2_K",
      "11": "Q3_K_S", "12": "Q3_K_M", "13": "Q3_K_L", "14": "Q4_K_S", "15": "Q4_K_M", "16": "Q5_K_S", "17": "Q5_K_M",
      "18": "Q6_K", "19": "IQ2_XXS", "20": "IQ2_XS", "21": "Q2_K_S", "22": "IQ3_XS", "23": "IQ3_XXS", "24": "IQ1_S",
      "25": "IQ4_NL", "26": "IQ3_S", "27": "IQ3_M", "28": "IQ2_S", "29": "IQ2_M", "30": "IQ4_XS", "31": "IQ1_M",
      "32": "BF16", "36": "TQ1_0", "37": "TQ2_0", "38": "MXFP4",
    ]
    return fileType.flatMap { names[$0] }
  }
}
