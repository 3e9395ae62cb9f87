/// TensorFlow's `saved_model.pb`: its tags, and the signature that a server would use.
///
/// Source: `tensorflow/core/protobuf/{saved_model,meta_graph}.proto`, `framework/{tensor_shape,types}.proto`.
enum SavedModelReader {
  static func read(_ source: ByteSource, into description: inout ModelDescription) throws {
    var reader = ProtobufReader(source)
    var tags: [String] = []
    var version = ""
    var signatures: [String: Signature] = [:]
    var graphs = 0
    try reader.message { reader, field in
      guard field.number == 2, field.wire == .length else { return }
      graphs += 1
      guard graphs <= 100 else { throw FormatError("it has more than 100 graphs") }
      try reader.nested { reader, field in
        switch (field.number, field.wire) {
        case (1, .length): try information(&reader, &tags, &version)
        case (5, .length):
          let (name, signature) = try signature(&reader)
          if signatures.count < 100 { signatures[name] = signature }
        default: break
        }
      }
    }
    guard graphs > 0 else { throw FormatError("it is no SavedModel") }
    description.recognise(.savedModel)
    if !version.isEmpty { description.frameworks["tensorflow"] = bounded(version, 64) }
    description.note("saved_model.tags", tags.prefix(100).joined(separator: ", "))
    // What begins so is of TensorFlow's own, such as __saved_model_init_op.
    let names = signatures.keys.filter { !$0.hasPrefix("__") }.sorted()
    description.note("saved_model.signatures", names.joined(separator: ", "))
    let chosen = names.contains("serving_default") ? "serving_default" : names.first
    if let signature = chosen.flatMap({ signatures[$0] }), description.inputs.isEmpty, description.outputs.isEmpty {
      description.inputs = signature.inputs.sorted { $0.name < $1.name }
      description.outputs = signature.outputs.sorted { $0.name < $1.name }
      if !signature.method.isEmpty { description.note("saved_model.method", signature.method) }
    }
  }

  private struct Signature {
    var inputs: [TensorDescription] = []
    var outputs: [TensorDescription] = []
    var method = ""
  }

  /// MetaInfoDef: tags 4, tensorflow_version 5.
  private static func information(
    _ reader: inout ProtobufReader, _ tags: inout [String], _ version: inout String
  ) throws {
    try reader.nested { reader, field in
      switch (field.number, field.wire) {
      case (4, .length):
        let tag = bounded(try reader.text(), Bounds.nameLength)
        if tags.count < 100 { tags.append(tag) }
      case (5, .length): version = try reader.text()
      default: break
      }
    }
  }

  /// An entry of a map: its key is field 1, its value field 2.
  private static func signature(_ reader: inout ProtobufReader) throws -> (String, Signature) {
    var name = ""
    var signature = Signature()
    try reader.nested { reader, field in
      switch (field.number, field.wire) {
      case (1, .length): name = bounded(try reader.text(), Bounds.nameLength)
      case (2, .length):
        try reader.nested { reader, field in
          switch (field.number, field.wire) {
          case (1, .length): try tensor(&reader, &signature.inputs)
          case (2, .length): try tensor(&reader, &signature.outputs)
          case (3, .length): signature.method = try reader.text()
          default: break
          }
        }
      default: break
      }
    }
    return (name, signature)
  }

  /// TensorInfo: dtype 2, shape 3.
  private static func tensor(_ reader: inout ProtobufReader, _ list: inout [TensorDescription]) throws {
    var tensor = TensorDescription(name: "", type: "unknown")
    try reader.nested { reader, field in
      switch (field.number, field.wire) {
      case (1, .length): tensor.name = bounded(try reader.text(), Bounds.nameLength)
      case (2, .length):
        try reader.nested { reader, field in
          switch (field.number, field.wire) {
          case (2, .variable):
            let number = try reader.variable()
            tensor.type = number < UInt64(types.count) ? types[Int(number)] : "type \(number)"
          case (3, .length): tensor.shape = try shape(&reader)
          default: break
          }
        }
      default: break
      }
    }
    if list.count < Bounds.signatureEntries { list.append(tensor) }
  }

  /// TensorShapeProto: dim 2 with a size 1, unknown_rank 3.
  private static func shape(_ reader: inout ProtobufReader) throws -> [Int64]? {
    var shape: [Int64] = []
    var isUnknown = false
    try reader.nested { reader, field in
      switch (field.number, field.wire) {
      case (2, .length):
        // A size of 0 is not written.
        var size: Int64 = 0
        try reader.nested { reader, field in
          if field.number == 1, field.wire == .variable { size = max(-1, try reader.signed()) }
        }
        guard shape.count < 64 else { throw FormatError("one of its tensors has too many dimensions") }
        shape.append(size)
      case (3, .variable): isUnknown = try reader.variable() != 0
      default: break
      }
    }
    return isUnknown ? nil : shape
  }

  /// DataType.
  private static let types = [
    "invalid", "float32", "float64", "int32", "uint8", "int16", "int8", "string", "complex64", "int64", "bool", "qint8",
    "quint8", "qint32", "bfloat16", "qint16", "quint16", "uint16", "complex128", "float16", "resource", "variant",
    "uint32", "uint64", "float8_e5m2", "float8_e4m3fn",
  ]
}
