import FoundationEssentials

/// The `config.json` that Hugging Face's libraries put beside a model.
enum HuggingFaceReader {
  static let sizeLimit = 1 << 20

  static func read(_ source: ByteSource, into description: inout ModelDescription) throws {
    let text = try source.text(limit: sizeLimit)
    guard let config = try? JSONDecoder().decode(Config.self, from: Data(text.utf8)),
      config.modelType != nil || config.architectures != nil || config.diffusersClass != nil
    else { return }
    description.recognise(.huggingFace)
    if let value = config.modelType { description.note("hugging_face.model_type", value) }
    if let value = config.architectures {
      description.note("hugging_face.architectures", value.joined(separator: ", "))
    }
    if let value = config.diffusersClass { description.note("hugging_face.class", value) }
    if let value = config.torchType ?? config.type { description.note("hugging_face.dtype", value) }
    if let value = config.contextLength { description.note("hugging_face.max_position_embeddings", String(value)) }
    if let value = config.quantization?.method { description.note("hugging_face.quantization", value) }
    if let value = config.transformersVersion { description.frameworks["transformers"] = bounded(value, 64) }
  }

  /// What is of another type than expected is left out, not refused: the files have grown wild.
  private struct Config: Decodable {
    var modelType: String?
    var architectures: [String]?
    var diffusersClass: String?
    var torchType: String?
    var type: String?
    var contextLength: Int64?
    var transformersVersion: String?
    var quantization: Quantization?

    private enum CodingKeys: String, CodingKey {
      case modelType = "model_type"
      case architectures
      case diffusersClass = "_class_name"
      case torchType = "torch_dtype"
      case type = "dtype"
      case contextLength = "max_position_embeddings"
      case transformersVersion = "transformers_version"
      case quantization = "quantization_config"
    }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      modelType = try? values.decode(String.self, forKey: .modelType)
      architectures = try? values.decode([String].self, forKey: .architectures)
      diffusersClass = try? values.decode(String.self, forKey: .diffusersClass)
      torchType = try? values.decode(String.self, forKey: .torchType)
      type = try? values.decode(String.self, forKey: .type)
      contextLength = try? values.decode(Int64.self, forKey: .contextLength)
      transformersVersion = try? values.decode(String.self, forKey: .transformersVersion)
      quantization = try? values.decode(Quantization.self, forKey: .quantization)
    }
  }

  private struct Quantization: Decodable {
    var method: String?

    private enum CodingKeys: String, CodingKey {
      case method = "quant_method"
    }
  }
}
