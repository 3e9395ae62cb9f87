/// How a model is stored. The raw values are part of the API and of the records.
public enum ModelFormat: String, Codable, Sendable, CaseIterable {
  /// A directory with an `MLmodel` file, as MLflow writes it.
  case mlflow
  case safetensors
  /// What `torch.save` writes: a pickle with tensors beside it.
  case pytorch
  /// A compiled PyTorch program, which runs without the classes that it was made of.
  case torchScript = "torchscript"
  case savedModel = "tensorflow_saved_model"
  case onnx
  case gguf
  case scikitLearn = "scikit_learn"
  /// A pickle of which nobody says what is in it.
  case pickle
  /// A model directory of Triton Inference Server.
  case triton
  /// A `config.json` as Hugging Face's libraries write it.
  case huggingFace = "hugging_face"
}

/// What can be known of a model without loading it.
///
/// All of it comes from files that anybody may have made: texts are cut, lists are bounded (``Bounds``), and none of it
/// may be believed further than it is shown.
public struct ModelDescription: Hashable, Codable, Sendable {
  /// Those that were recognised, the one that tells most of the model first; empty: none was.
  public var formats: [ModelFormat]
  /// Versions of what made the model, such as `scikit_learn: 1.5.2`.
  public var frameworks: [String: String]
  /// What it takes and gives, where a format tells it. Their order is the model's own.
  public var inputs: [TensorDescription]
  public var outputs: [TensorDescription]
  /// Numbers in all its tensors.
  public var parameterCount: UInt64?
  /// The tensors that it holds, the first ones of each file; ``tensorCount`` says how many there are.
  public var tensors: [TensorDescription]
  public var tensorCount: UInt64?
  /// What else the files say of themselves.
  public var metadata: [String: String]
  /// Files of the model that could not be read as what their names say, a sentence each.
  public var warnings: [String]

  public init() {
    formats = []
    frameworks = [:]
    inputs = []
    outputs = []
    tensors = []
    metadata = [:]
    warnings = []
  }
}

/// A tensor, or a column of a table.
public struct TensorDescription: Hashable, Codable, Sendable {
  /// Empty where it has none.
  public var name: String
  /// As its format names it: `F32`, `float32`, `FLOAT`, `Q4_K`.
  public var type: String
  /// -1 for a dimension that may be any; nil: not known, or a single value.
  public var shape: [Int64]?

  public init(name: String, type: String, shape: [Int64]? = nil) {
    self.name = name
    self.type = type
    self.shape = shape
  }
}

/// How much of a model is looked at and told.
public enum Bounds {
  /// Bytes of a name, and of a value of metadata.
  public static let nameLength = 256
  public static let textLength = 4096
  /// Inputs, outputs, and entries of metadata.
  public static let signatureEntries = 1000
  public static let metadataEntries = 500
  public static let tensors = 1000
  public static let warnings = 50
  /// Files of a model that are listed at all, the bytes of their paths, and how deep directories may be.
  public static let files = 200_000
  public static let pathBytes = 32 << 20
  public static let depth = 64
  /// Files of which the content is looked into.
  public static let readFiles = 2000
}

extension ModelDescription {
  /// Takes a text over into the metadata, cut to its bounds. What is there stays.
  mutating func note(_ key: String, _ value: String) {
    let key = bounded(key, Bounds.nameLength)
    guard metadata[key] == nil, metadata.count < Bounds.metadataEntries else { return }
    metadata[key] = bounded(value, Bounds.textLength)
  }

  mutating func warn(_ sentence: String) {
    guard warnings.count < Bounds.warnings else { return }
    warnings.append(bounded(sentence, Bounds.textLength))
  }

  mutating func recognise(_ format: ModelFormat) {
    if !formats.contains(format) { formats.append(format) }
  }

  mutating func add(tensor: TensorDescription) {
    if tensors.count < Bounds.tensors { tensors.append(tensor) }
  }

  /// Adds to a count that no file can make overflow.
  mutating func count(parameters: UInt64, tensors: UInt64) {
    parameterCount = saturatingSum(parameterCount ?? 0, parameters)
    tensorCount = saturatingSum(tensorCount ?? 0, tensors)
  }
}

/// The beginning of a text, cut where a character ends.
func bounded(_ text: String, _ length: Int) -> String {
  guard text.utf8.count > length else { return text }
  var end = text.utf8.index(text.startIndex, offsetBy: length)
  while end > text.startIndex, end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
  return String(text[..<end]) + "…"
}

func saturatingSum(_ one: UInt64, _ other: UInt64) -> UInt64 {
  let (sum, overflow) = one.addingReportingOverflow(other)
  return overflow ? .max : sum
}

/// The product of a shape's dimensions: how many numbers a tensor holds. nil: more than can be.
func elementCount(_ shape: [Int64]) -> UInt64? {
  var product: UInt64 = 1
  for dimension in shape {
    guard dimension >= 0 else { return nil }
    let (next, overflow) = product.multipliedReportingOverflow(by: UInt64(dimension))
    guard !overflow else { return nil }
    product = next
  }
  return product
}
