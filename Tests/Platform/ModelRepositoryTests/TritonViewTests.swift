import ModelFormats
import Testing

@testable import ModelRepository

@Suite struct TritonViewTests {
  private func view(_ formats: [ModelFormat], _ paths: [String]) -> TritonView? {
    TritonView(directory: "models/m", version: 3, formats: formats, paths: paths)
  }

  @Test func anONNXModelGetsTheNameThatTritonLooksFor() {
    #expect(view([.onnx], ["net.onnx"])?.files == ["net.onnx": "model.onnx"])
    #expect(
      view([.mlflow, .onnx], ["MLmodel", "model.onnx", "model.onnx.data"])?.files
        == ["model.onnx": "model.onnx", "model.onnx.data": "model.onnx.data"])
    #expect(view([.onnx], ["a.onnx", "b.onnx"]) == nil)
  }

  @Test func aSavedModelBecomesADirectory() {
    #expect(
      view([.savedModel], ["saved_model.pb", "variables/variables.index"])?.files == [
        "saved_model.pb": "model.savedmodel/saved_model.pb",
        "variables/variables.index": "model.savedmodel/variables/variables.index",
      ])
    #expect(
      view([.mlflow, .savedModel], ["MLmodel", "data/model/saved_model.pb"])?.files
        == ["data/model/saved_model.pb": "model.savedmodel/saved_model.pb"])
  }

  @Test func ofTritonsOwnLayoutTheNewestVersionIsTaken() {
    let view = view(
      [.triton, .onnx], ["config.pbtxt", "1/model.onnx", "10/model.onnx", "10/x/y", "9/model.onnx", "a/b"])
    #expect(view?.files == ["10/model.onnx": "model.onnx", "10/x/y": "x/y"])
    #expect(view?.configuration == "config.pbtxt")
    #expect(self.view([.triton], ["config.pbtxt"]) == nil)
  }

  @Test func whatTritonCantServeHasNoView() {
    #expect(view([.safetensors], ["model.safetensors"]) == nil)
    #expect(view([.torchScript], ["model.pt"]) == nil)
    #expect(view([], []) == nil)
  }
}
