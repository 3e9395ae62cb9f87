import FoundationEssentials
import Yams

/// MLflow's `MLmodel`: YAML with the flavours that can load the model, its signature, and where it came from.
///
/// Source: `mlflow/models/model.py`, `signature.py` and `mlflow/types/schema.py` of MLflow 3.17.
enum MLmodelReader {
  static let sizeLimit = 256 << 10

  static func read(_ source: ByteSource, into description: inout ModelDescription) throws {
    let text = try source.text(limit: sizeLimit)
    try checkShape(text)
    let root: Node
    do {
      guard let node = try Yams.compose(yaml: text), node.mapping != nil else {
        throw FormatError("it is no YAML mapping")
      }
      root = node
    } catch let error as YamlError {
      throw FormatError("it is no YAML: \(bounded("\(error)", 200))")
    }
    guard let flavors = root["flavors"]?.mapping else { throw FormatError("it names no flavors") }
    description.recognise(.mlflow)
    let names = flavors.keys.compactMap(\.string)
    description.note("mlflow.flavors", names.joined(separator: ", "))
    for (flavor, version, framework) in versionKeys {
      if let version = flavors[flavor]?.mapping?[version]?.scalar?.string {
        description.frameworks[framework] = bounded(version, 64)
      }
    }
    if names.contains("sklearn") { description.recognise(.scikitLearn) }
    if let version = root["mlflow_version"]?.scalar?.string { description.frameworks["mlflow"] = bounded(version, 64) }
    for key in ["model_uuid", "model_id", "run_id", "artifact_path", "utc_time_created", "model_size_bytes"] {
      if let value = root[key]?.scalar?.string { description.note("mlflow." + key, value) }
    }
    if let python = flavors["python_function"]?.mapping?["python_version"]?.scalar?.string {
      description.frameworks["python"] = bounded(python, 64)
    }
    guard let signature = root["signature"]?.mapping else { return }
    let inputs = try columns(signature["inputs"]?.scalar?.string)
    let outputs = try columns(signature["outputs"]?.scalar?.string)
    // A file of the model would say the same in other words.
    if !inputs.isEmpty || !outputs.isEmpty { (description.inputs, description.outputs) = (inputs, outputs) }
  }

  /// Where a flavour has the version of its framework.
  private static let versionKeys = [
    ("sklearn", "sklearn_version", "scikit_learn"), ("pytorch", "pytorch_version", "pytorch"),
    ("tensorflow", "tensorflow_version", "tensorflow"), ("keras", "keras_version", "keras"),
    ("onnx", "onnx_version", "onnx"), ("xgboost", "xgb_version", "xgboost"), ("lightgbm", "lgb_version", "lightgbm"),
    ("transformers", "transformers_version", "transformers"), ("spark", "pyspark_version", "spark"),
    ("catboost", "catboost_version", "catboost"), ("statsmodels", "statsmodels_version", "statsmodels"),
  ]

  /// Refuses what would cost the YAML library more than its size: it goes down into nested values by recursion, and an
  /// alias may stand for a value that is made of aliases. MLflow writes neither.
  private static func checkShape(_ text: String) throws {
    var depth = 0
    var before = UInt8(ascii: "\n")
    var margin: Int? = 0
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
      case UInt8(ascii: "*"), UInt8(ascii: "&"):
        // Of a word in a text it is no alias; refusing that, too, does no harm.
        if " \n\t,[{-:?".utf8.contains(before) { throw FormatError("it has YAML aliases, which are not read") }
      default: break
      }
      // Block values are nested by what a line begins with.
      if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
        margin = 0
      } else if let width = margin {
        margin = " -?:\t".utf8.contains(byte) ? width + 1 : nil
      }
      guard depth <= 32, margin ?? 0 <= 128 else { throw FormatError("its values are nested too deeply") }
      before = byte
    }
  }

  /// The JSON in which a schema is written: a list of columns, or of tensors.
  private static func columns(_ json: String?) throws -> [TensorDescription] {
    guard let json, json != "null" else { return [] }
    let columns: [Column]
    do {
      columns = try JSONDecoder().decode([Column].self, from: Data(json.utf8))
    } catch {
      throw FormatError("its signature is not what MLflow writes")
    }
    return columns.prefix(Bounds.signatureEntries).map { column in
      TensorDescription(
        name: bounded(column.name ?? "", Bounds.nameLength),
        type: bounded(column.tensor?.dtype ?? column.type, Bounds.nameLength),
        shape: column.tensor.map { Array($0.shape.prefix(64)) })
    }
  }

  private struct Column: Decodable {
    var name: String?
    var type: String
    var tensor: Tensor?

    private enum CodingKeys: String, CodingKey {
      case name, type
      case tensor = "tensor-spec"
    }
  }

  private struct Tensor: Decodable {
    var dtype: String
    var shape: [Int64]
  }
}
