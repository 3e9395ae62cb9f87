import Linux

/// Describes the model whose files these are, without loading it. Blocks.
///
/// - Throws: `SystemError` where the files can't be read. What is only not what its name says becomes a warning.
public func describeModel(_ files: ModelFiles) throws -> ModelDescription {
  var description = ModelDescription()
  for path in files.leftOut { description.warn("\(path) is no file and no link to one within the model.") }
  // By how much a format says of the model as a whole: the first that tells the inputs and outputs has the last word.
  let ranked = files.entries.compactMap { entry in reader(of: entry.path).map { (entry, $0) } }
    .sorted { ($0.1.rank, $0.0.path) < ($1.1.rank, $1.0.path) }
  for (entry, reader) in ranked.prefix(Bounds.readFiles) {
    do {
      // Into a copy, so that a file that is broken half way leaves nothing behind.
      var next = description
      try reader.read(files.source(entry.path), &next)
      description = next
    } catch let error as FormatError {
      description.warn("\(entry.path) can't be read as \(reader.name): \(error).")
    }
  }
  if ranked.count > Bounds.readFiles {
    description.warn("Only the first \(Bounds.readFiles) of \(ranked.count) files were looked into.")
  }
  return description
}

/// What knows how to read files of some name.
private struct FormatReader {
  let rank: Int
  /// In messages: “an ONNX model”.
  let name: String
  let read: (ByteSource, inout ModelDescription) throws -> Void
}

private func reader(of path: String) -> FormatReader? {
  let name = path.split(separator: "/").last.map(String.init) ?? path
  let isAtTop = name == path
  switch name {
  case "MLmodel":
    return isAtTop ? FormatReader(rank: 0, name: "an MLmodel file") { try MLmodelReader.read($0, into: &$1) } : nil
  case "config.pbtxt":
    return isAtTop
      ? FormatReader(rank: 1, name: "Triton's configuration") { try TritonReader.read($0, into: &$1) } : nil
  case "saved_model.pb": return FormatReader(rank: 2, name: "a SavedModel") { try SavedModelReader.read($0, into: &$1) }
  case "config.json", "model_index.json":
    guard isAtTop else { return nil }
    return FormatReader(rank: 6, name: "a Hugging Face configuration") { try HuggingFaceReader.read($0, into: &$1) }
  default: break
  }
  guard let point = name.lastIndex(of: "."), point > name.startIndex else { return nil }
  switch name[name.index(after: point)...].lowercased() {
  case "onnx": return FormatReader(rank: 3, name: "an ONNX model") { try ONNXReader.read($0, into: &$1) }
  case "gguf": return FormatReader(rank: 4, name: "a GGUF file") { try GGUFReader.read($0, into: &$1) }
  case "safetensors":
    return FormatReader(rank: 5, name: "a safetensors file") { try SafetensorsReader.read($0, into: &$1) }
  case "pt", "pth": return FormatReader(rank: 7, name: "a PyTorch file") { try PickleFiles.readPyTorch($0, into: &$1) }
  // Anything may be called so; only what PyTorch wrote is of interest.
  case "bin", "ckpt":
    return FormatReader(rank: 7, name: "a PyTorch file") { try? PickleFiles.readPyTorch($0, into: &$1) }
  case "joblib": return FormatReader(rank: 8, name: "a joblib file") { try readPickle($0, as: .scikitLearn, &$1) }
  case "pkl", "pickle": return FormatReader(rank: 8, name: "a pickle") { try readPickle($0, as: .pickle, &$1) }
  default: return nil
  }
}

private func readPickle(_ source: ByteSource, as format: ModelFormat, _ description: inout ModelDescription) throws {
  guard PickleFiles.isPickle(try source.prefix(8)) else { throw FormatError("it does not begin as one") }
  // MLflow says of its own what is in them.
  if format == .pickle, description.formats.contains(.mlflow) { return }
  description.recognise(format)
}
