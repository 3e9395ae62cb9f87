import FoundationEssentials
import Glibc
import Linux
import TestSupport
import Testing

@testable import ModelFormats

/// A golden file's bytes.
func golden(_ text: String) -> [UInt8] { Array(Data(base64Encoded: text.filter { $0 != "\n" && $0 != " " })!) }

/// A field of a protocol-buffer message whose value has a length.
func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
  precondition(content.count < 128)
  return [number << 3 | 2, UInt8(content.count)] + content
}

func field(_ number: UInt8, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }

/// A field whose value is a small number.
func field(_ number: UInt8, _ value: UInt8) -> [UInt8] { [number << 3, value] }

/// `saved_model.pb`, byte by byte as `meta_graph.proto` has it.
let savedModel: [UInt8] = {
  let shape = field(2, [0x08] + [UInt8](repeating: 0xFF, count: 9) + [1]) + field(2, field(1, 4))
  let input = field(1, "serving_x:0") + field(2, 1) + field(3, shape)
  let output = field(1, "call:0") + field(2, 1) + field(3, field(3, 1))
  let signature =
    field(1, field(1, "x") + field(2, input)) + field(2, field(1, "y") + field(2, output))
    + field(3, "tensorflow/serving/predict")
  let information = field(4, "serve") + field(5, "2.16.1")
  let entry = field(1, "serving_default") + field(2, signature)
  let graph = field(1, information) + [5 << 3 | 2, UInt8(entry.count & 0x7F) | 0x80, UInt8(entry.count >> 7)] + entry
  return field(1, 1) + [2 << 3 | 2, UInt8(graph.count & 0x7F) | 0x80, UInt8(graph.count >> 7)] + graph
}()

let mlmodel = """
  artifact_path: model
  flavors:
    python_function:
      env:
        conda: conda.yaml
        virtualenv: python_env.yaml
      loader_module: mlflow.sklearn
      model_path: model.pkl
      predict_fn: predict
      python_version: 3.11.7
    sklearn:
      code: null
      pickled_model: model.pkl
      serialization_format: cloudpickle
      sklearn_version: 1.5.2
  mlflow_version: 3.17.2
  model_id: m-0123456789abcdef0123456789abcdef
  model_size_bytes: 1024
  model_uuid: 54ab
  run_id: 0b5f
  signature:
    inputs: '[{"type": "double", "name": "sepal length", "required": true}, {"type":
      "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 28]}}]'
    outputs: '[{"type": "long", "required": true}]'
    params: null
  utc_time_created: '2025-01-01 00:00:00.000000'

  """

let tritonConfig = """
  # A comment.
  name: "digits"
  platform: 'onnxruntime_onnx'
  max_batch_size: 8
  input [
    { name: "x" data_type: TYPE_FP32 dims: [ 3, -1 ] },
    { name: "mask"
      data_type: TYPE_BOOL
      dims: 5 }
  ]
  output { name: "y", data_type: TYPE_INT64; dims: [] }
  instance_group [ { count: 2 kind: KIND_GPU } ]

  """

@Suite struct ModelFormatsTests {
  private func describe(_ files: [String: [UInt8]]) throws -> ModelDescription {
    let directory = TemporaryDirectory()
    for (path, content) in files {
      let place = directory.path + "/" + path
      let parent = String(place[..<place.lastIndex(of: "/")!])
      try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
      try Data(content).write(to: URL(filePath: place))
    }
    return try describeModel(ModelFiles(at: directory.path))
  }

  @Test func anONNXModelTellsWhatItTakesAndGives() throws {
    let model = try describe(["model.onnx": golden(GoldenFiles.onnx)])
    #expect(model.formats == [.onnx])
    #expect(model.inputs == [TensorDescription(name: "x", type: "float32", shape: [-1, 4])])
    #expect(model.outputs == [TensorDescription(name: "y", type: "float32", shape: [-1, 3])])
    #expect(model.parameterCount == 12)
    #expect(model.frameworks == ["golden": "1.2"])
    #expect(model.metadata["onnx.opset"] == "17")
    #expect(model.metadata["onnx.ir_version"] == "9")
    #expect(model.metadata["author"] == "a test")
    #expect(model.warnings.isEmpty)
  }

  @Test func aSafetensorsFileTellsItsTensors() throws {
    let model = try describe(["a.safetensors": golden(GoldenFiles.safetensors)])
    #expect(model.formats == [.safetensors])
    #expect(model.parameterCount == 15)
    #expect(model.tensorCount == 2)
    #expect(model.tensors.contains(TensorDescription(name: "layer.weight", type: "F16", shape: [3, 4])))
    #expect(model.metadata["step"] == "7")
  }

  @Test func theNumbersOfAllPartsAreAdded() throws {
    let part = golden(GoldenFiles.safetensors)
    let model = try describe([
      "model-00001-of-00002.safetensors": part, "model-00002-of-00002.safetensors": part,
      "config.json": Array(#"{"model_type":"llama","architectures":["L"],"torch_dtype":7}"#.utf8),
    ])
    #expect(model.formats == [.safetensors, .huggingFace])
    #expect(model.parameterCount == 30)
    #expect(model.metadata["hugging_face.model_type"] == "llama")
    #expect(model.metadata["hugging_face.dtype"] == nil)
  }

  @Test func aGGUFFileTellsItsKeysAndQuantization() throws {
    let model = try describe(["m.gguf": golden(GoldenFiles.gguf)])
    #expect(model.formats == [.gguf])
    #expect(model.metadata["general.architecture"] == "llama")
    #expect(model.metadata["llama.context_length"] == "2048")
    #expect(model.metadata["llama.rope.freq_base"] == "10000.0")
    #expect(model.metadata["tokenizer.ggml.tokens"] == "3 values")
    #expect(model.metadata["gguf.quantization"] == "F16")
    #expect(model.parameterCount == 40)
    #expect(model.tensors.contains(TensorDescription(name: "token_embd.weight", type: "F16", shape: [8, 4])))
  }

  @Test func aSavedModelTellsItsServingSignature() throws {
    let model = try describe(["saved_model.pb": savedModel, "variables/variables.index": [1]])
    #expect(model.formats == [.savedModel])
    #expect(model.frameworks == ["tensorflow": "2.16.1"])
    #expect(model.inputs == [TensorDescription(name: "x", type: "float32", shape: [-1, 4])])
    #expect(model.outputs == [TensorDescription(name: "y", type: "float32", shape: nil)])
    #expect(model.metadata["saved_model.tags"] == "serve")
    #expect(model.metadata["saved_model.signatures"] == "serving_default")
  }

  @Test func anMLmodelFileTellsFlavoursAndSignature() throws {
    let model = try describe(["MLmodel": Array(mlmodel.utf8), "model.pkl": golden(GoldenFiles.joblib)])
    #expect(model.formats == [.mlflow, .scikitLearn])
    #expect(model.frameworks == ["scikit_learn": "1.5.2", "mlflow": "3.17.2", "python": "3.11.7"])
    #expect(
      model.inputs == [
        TensorDescription(name: "sepal length", type: "double"),
        TensorDescription(name: "", type: "float32", shape: [-1, 28]),
      ])
    #expect(model.outputs == [TensorDescription(name: "", type: "long")])
    #expect(model.metadata["mlflow.flavors"] == "python_function, sklearn")
    #expect(model.metadata["mlflow.run_id"] == "0b5f")
    #expect(model.warnings.isEmpty)
  }

  @Test(arguments: [
    (GoldenFiles.torchState, ModelFormat.pytorch, "60"), (GoldenFiles.torchScript, .torchScript, "48"),
  ])
  func aProgramOfPyTorchIsToldFromAState(_ file: String, _ format: ModelFormat, _ bytes: String) throws {
    let model = try describe(["weights.pt": golden(file)])
    #expect(model.formats == [format])
    #expect(model.metadata["pytorch.tensor_bytes"] == bytes)
  }

  @Test func anOldFileOfPyTorchIsKnownByItsFirstBytes() throws {
    #expect(try describe(["a.pth": PickleFiles.legacyMagic + [0x80]]).formats == [.pytorch])
  }

  @Test func picklesAreKnownByNameAndFirstBytesOnly() throws {
    #expect(try describe(["a.joblib": golden(GoldenFiles.joblib)]).formats == [.scikitLearn])
    #expect(try describe(["a.pkl": [0x80, 4, 0x95]]).formats == [.pickle])
    let text = try describe(["a.pkl": Array("import os".utf8)])
    #expect(text.formats.isEmpty)
    #expect(text.warnings.count == 1)
  }

  @Test func tritonsLayoutIsRecognised() throws {
    let model = try describe([
      "config.pbtxt": Array(tritonConfig.utf8), "1/model.onnx": golden(GoldenFiles.onnx),
    ])
    #expect(model.formats == [.triton, .onnx])
    #expect(
      model.inputs == [
        TensorDescription(name: "x", type: "TYPE_FP32", shape: [3, -1]),
        TensorDescription(name: "mask", type: "TYPE_BOOL", shape: [5]),
      ])
    #expect(model.metadata["triton.max_batch_size"] == "8")
  }

  @Test func aSingleFileIsAModelToo() throws {
    let directory = TemporaryDirectory()
    try Data(golden(GoldenFiles.onnx)).write(to: URL(filePath: directory.path + "/m.onnx"))
    #expect(try describeModel(ModelFiles(at: directory.path + "/m.onnx")).formats == [.onnx])
  }

  @Test func linksThatLeadOutAreLeftOut() throws {
    let directory = TemporaryDirectory()
    try FileManager.default.createDirectory(atPath: directory.path + "/m/d", withIntermediateDirectories: true)
    try Data(golden(GoldenFiles.onnx)).write(to: URL(filePath: directory.path + "/m/d/blob"))
    symlink("d/blob", directory.path + "/m/model.onnx")
    symlink("../outside.onnx", directory.path + "/m/out.onnx")
    symlink("/etc/passwd", directory.path + "/m/passwd.onnx")
    mkfifo(directory.path + "/m/fifo.onnx", 0o600)
    let files = try ModelFiles(at: directory.path + "/m")
    #expect(files.entries.map(\.path) == ["d/blob", "model.onnx"])
    #expect(files.leftOut == ["fifo.onnx", "out.onnx", "passwd.onnx"])
    #expect(try describeModel(files).inputs.count == 1)
  }

  @Test func textsAreCutWhereACharacterEnds() {
    #expect(bounded("abc", 3) == "abc")
    #expect(bounded("abcd", 3) == "abc…")
    #expect(bounded("aé", 2) == "a…")
    #expect(bounded("👩‍👩‍👧", 5) == "👩…")
  }
}
