/// An ONNX model: who made it, what it takes and gives, how many numbers it holds. The weights are skipped.
///
/// Source: `onnx/onnx.proto` of ONNX 1.17, whose field numbers these are.
enum ONNXReader {
  static func read(_ source: ByteSource, into description: inout ModelDescription) throws {
    var reader = ProtobufReader(source)
    var model = Model()
    try reader.message { reader, field in
      switch (field.number, field.wire) {
      case (1, .variable): model.irVersion = try reader.signed()
      case (2, .length): model.producer = try reader.text()
      case (3, .length): model.producerVersion = try reader.text()
      case (4, .length): model.notes["domain"] = try reader.text()
      case (5, .variable): model.notes["model_version"] = String(try reader.signed())
      case (6, .length): model.notes["doc_string"] = try reader.text()
      case (7, .length): try reader.nested { try graph(&$0, $1, &model) }
      case (8, .length): try operatorSet(&reader, &model)
      case (14, .length): try property(&reader, &model)
      default: break
      }
    }
    // Any bytes may happen to be fields: without these two it is no model.
    guard let version = model.irVersion, model.hasGraph else { throw FormatError("it is no ONNX model") }
    description.recognise(.onnx)
    description.note("onnx.ir_version", String(version))
    for (domain, version) in model.operatorSets { description.note(domain, version) }
    if !model.producer.isEmpty {
      description.frameworks[bounded(model.producer, 64)] = bounded(model.producerVersion, 64)
    }
    for (key, value) in model.notes.sorted(by: { $0.key < $1.key }) where !value.isEmpty {
      description.note("onnx." + key, value)
    }
    for (key, value) in model.properties { description.note(key, value) }
    if description.inputs.isEmpty && description.outputs.isEmpty {
      // Before version 4 what is initialised was an input, too.
      description.inputs = model.inputs.filter { !model.initializers.contains($0.name) }
      description.outputs = model.outputs
    }
    description.count(parameters: model.parameters, tensors: model.tensors)
  }

  private struct Model {
    var irVersion: Int64?
    var producer = ""
    var producerVersion = ""
    var notes: [String: String] = [:]
    var operatorSets: [(String, String)] = []
    var properties: [(String, String)] = []
    var hasGraph = false
    var inputs: [TensorDescription] = []
    var outputs: [TensorDescription] = []
    var initializers: Set<String> = []
    var parameters: UInt64 = 0
    var tensors: UInt64 = 0
  }

  private static func graph(_ reader: inout ProtobufReader, _ field: ProtobufReader.Field, _ model: inout Model) throws
  {
    model.hasGraph = true
    switch (field.number, field.wire) {
    case (2, .length): model.notes["graph"] = try reader.text()
    case (5, .length): try initializer(&reader, &model)
    case (11, .length):
      let value = try value(&reader)
      if model.inputs.count < Bounds.signatureEntries { model.inputs.append(value) }
    case (12, .length):
      let value = try value(&reader)
      if model.outputs.count < Bounds.signatureEntries { model.outputs.append(value) }
    default: break
    }
  }

  /// TensorProto: dims 1, name 8.
  private static func initializer(_ reader: inout ProtobufReader, _ model: inout Model) throws {
    var dimensions: [Int64] = []
    var name = ""
    try reader.nested { reader, field in
      switch (field.number, field.wire) {
      case (1, .variable): dimensions.append(try reader.signed())
      case (1, .length): try packed(&reader, &dimensions)
      case (8, .length): name = try reader.text()
      default: break
      }
      guard dimensions.count <= 64 else { throw FormatError("one of its tensors has too many dimensions") }
    }
    guard let count = elementCount(dimensions) else {
      throw FormatError("the shape of one of its tensors is impossible")
    }
    model.parameters = saturatingSum(model.parameters, count)
    model.tensors += 1
    if model.initializers.count < 100_000, name.utf8.count <= Bounds.nameLength { model.initializers.insert(name) }
  }

  private static func packed(_ reader: inout ProtobufReader, _ values: inout [Int64]) throws {
    let length = try reader.variable()
    let end = reader.cursor.position.addingReportingOverflow(length).partialValue
    while reader.cursor.position < end, values.count <= 64 { values.append(try reader.signed()) }
  }

  /// ValueInfoProto: name 1, type 2.
  private static func value(_ reader: inout ProtobufReader) throws -> TensorDescription {
    var value = TensorDescription(name: "", type: "unknown")
    try reader.nested { reader, field in
      switch (field.number, field.wire) {
      case (1, .length): value.name = bounded(try reader.text(), Bounds.nameLength)
      case (2, .length): try reader.nested { try type(&$0, $1, &value) }
      default: break
      }
    }
    return value
  }

  /// TypeProto: tensor 1, sequence 4, map 5, optional 9, sparse tensor 8.
  private static func type(
    _ reader: inout ProtobufReader, _ field: ProtobufReader.Field, _ value: inout TensorDescription
  ) throws {
    switch (field.number, field.wire) {
    case (1, .length), (8, .length):
      try reader.nested { reader, field in
        switch (field.number, field.wire) {
        case (1, .variable):
          let number = try reader.variable()
          value.type = number < UInt64(elementTypes.count) ? elementTypes[Int(number)] : "type \(number)"
        case (2, .length): value.shape = try shape(&reader)
        default: break
        }
      }
    case (4, .length): value.type = "sequence"
    case (5, .length): value.type = "map"
    case (9, .length): value.type = "optional"
    default: break
    }
  }

  /// TensorShapeProto: dim 1, of which each has a value 1 or a name 2.
  private static func shape(_ reader: inout ProtobufReader) throws -> [Int64] {
    var shape: [Int64] = []
    try reader.nested { reader, field in
      guard field.number == 1, field.wire == .length else { return }
      var dimension: Int64 = -1
      try reader.nested { reader, field in
        if field.number == 1, field.wire == .variable { dimension = max(-1, try reader.signed()) }
      }
      guard shape.count < 64 else { throw FormatError("one of its tensors has too many dimensions") }
      shape.append(dimension)
    }
    return shape
  }

  private static func operatorSet(_ reader: inout ProtobufReader, _ model: inout Model) throws {
    var domain = ""
    var version = ""
    try reader.nested { reader, field in
      switch (field.number, field.wire) {
      case (1, .length): domain = try reader.text()
      case (2, .variable): version = String(try reader.signed())
      default: break
      }
    }
    guard model.operatorSets.count < 100 else { return }
    model.operatorSets.append((domain.isEmpty ? "onnx.opset" : "onnx.opset." + domain, version))
  }

  private static func property(_ reader: inout ProtobufReader, _ model: inout Model) throws {
    var (key, value) = ("", "")
    try reader.nested { reader, field in
      switch (field.number, field.wire) {
      case (1, .length): key = try reader.text()
      case (2, .length): value = try reader.text(limit: 16 << 20)
      default: break
      }
    }
    if model.properties.count < Bounds.metadataEntries, !key.isEmpty {
      model.properties.append((key, bounded(value, Bounds.textLength)))
    }
  }

  /// TensorProto.DataType.
  private static let elementTypes = [
    "undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16",
    "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz",
    "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1",
  ]
}
