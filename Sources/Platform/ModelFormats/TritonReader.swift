/// A model directory of Triton Inference Server: `config.pbtxt`, and a directory for each version.
///
/// Source: https://github.com/triton-inference-server/server, `docs/user_guide/model_repository.md`, and
/// `model_config.proto`.
enum TritonReader {
  static let sizeLimit = 1 << 20

  static func read(_ source: ByteSource, into description: inout ModelDescription) throws {
    let fields = try ProtobufText.parse(try source.text(limit: sizeLimit))
    let names: Set<String> = ["name", "platform", "backend", "max_batch_size", "default_model_filename"]
    var found: [String: String] = [:]
    var inputs: [TensorDescription] = []
    var outputs: [TensorDescription] = []
    for (key, value) in fields {
      switch (key, value) {
      case ("input", .message(let tensor)): inputs.append(self.tensor(tensor))
      case ("output", .message(let tensor)): outputs.append(self.tensor(tensor))
      case (_, .scalar(let text)) where names.contains(key): found[key] = text
      default: break
      }
    }
    // Any text of fields and values would do for the grammar.
    guard found["platform"] != nil || found["backend"] != nil || !inputs.isEmpty else {
      throw FormatError("it names neither a platform nor a backend nor inputs")
    }
    description.recognise(.triton)
    for (key, value) in found.sorted(by: { $0.key < $1.key }) { description.note("triton." + key, value) }
    if description.inputs.isEmpty && description.outputs.isEmpty {
      description.inputs = Array(inputs.prefix(Bounds.signatureEntries))
      description.outputs = Array(outputs.prefix(Bounds.signatureEntries))
    }
  }

  private static func tensor(_ fields: [(String, ProtobufText.Value)]) -> TensorDescription {
    var tensor = TensorDescription(name: "", type: "unknown", shape: [])
    for case (let key, .scalar(let text)) in fields {
      switch key {
      case "name": tensor.name = bounded(text, Bounds.nameLength)
      case "data_type": tensor.type = bounded(text, Bounds.nameLength)
      case "dims": if (tensor.shape?.count ?? 0) < 64 { tensor.shape?.append(Int64(text) ?? -1) }
      default: break
      }
    }
    return tensor
  }
}
