import ModelFormats

/// How the files of a version lie in the layout that Triton Inference Server wants: `<model>/config.pbtxt` and
/// `<model>/<version>/model.onnx`, whatever they are called in the version itself.
///
/// Source: https://github.com/triton-inference-server/server, `docs/user_guide/model_repository.md`. Only what Triton can
/// serve as it is has a view: ONNX models and SavedModels, whose configuration it makes itself, and versions that are a
/// model directory of Triton's already.
public struct TritonView: Hashable, Sendable {
  /// The model's directory, as `models/digits`; the view's is `triton/digits`.
  public let directory: String
  public let version: Int64
  /// `config.pbtxt` among the version's files, if there is one.
  public let configuration: String?
  /// Where each file goes in the version's directory of the view, by its path in the version.
  public let files: [String: String]

  /// nil: Triton can't serve it.
  public init?(directory: String, version: Int64, formats: [ModelFormat], paths: [String]) {
    self.directory = directory
    self.version = version
    if formats.contains(.triton) {
      // The newest of the versions that it has itself.
      let numbers = Set(paths.compactMap { path in path.firstIndex(of: "/").flatMap { Int64(path[..<$0]) } })
      guard let newest = numbers.filter({ $0 > 0 }).max() else { return nil }
      configuration = paths.contains("config.pbtxt") ? "config.pbtxt" : nil
      files = Self.files(below: "\(newest)/", of: paths, to: "")
    } else if formats.contains(.savedModel), let model = paths.first(where: { Self.name($0) == "saved_model.pb" }) {
      configuration = nil
      files = Self.files(below: String(model.dropLast("saved_model.pb".count)), of: paths, to: "model.savedmodel/")
    } else {
      let models = paths.filter { $0.hasSuffix(".onnx") }
      guard formats.contains(.onnx), models.count == 1, let model = models.first else { return nil }
      configuration = nil
      // Large weights lie in files beside it, which it names.
      let parent = String(model.dropLast(Self.name(model).count))
      var files = Self.files(below: parent, of: paths.filter { Self.isExternalData($0) }, to: "")
      files[model] = "model.onnx"
      self.files = files
    }
    if files.isEmpty { return nil }
  }

  private static func name(_ path: String) -> Substring { path.split(separator: "/").last ?? Substring(path) }

  private static func isExternalData(_ path: String) -> Bool {
    [".data", ".onnx_data", ".weights", ".bin"].contains { path.hasSuffix($0) }
  }

  private static func files(below prefix: String, of paths: [String], to place: String) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: paths.filter { $0.hasPrefix(prefix) }.map { ($0, place + $0.dropFirst(prefix.count)) })
  }
}
