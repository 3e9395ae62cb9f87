/// What names and values may be: MLflow's own rules, for its clients rely on them.
///
/// Source: `mlflow/utils/validation.py` of MLflow 3.17. Lengths are in Unicode scalars, as Python counts.
public enum Limits {
  public static let keyLength = 250
  public static let parameterLength = 6000
  public static let runTagLength = 8000
  public static let experimentNameLength = 500
  public static let experimentTagLength = 20_000
  public static let registryTagLength = 100_000
  public static let aliasLength = 255

  /// Entries of one batch.
  public static let batchMetrics = 1000
  public static let batchParameters = 100
  public static let batchTags = 100
  public static let batchTotal = 1000

  /// The name of a metric, a parameter or a tag. It may be a path, for whoever keeps each in a file.
  ///
  /// - Parameter kind: “metric”, for messages.
  public static func checkKey(_ key: String, _ kind: String) throws(TrackerError) {
    guard key.unicodeScalars.count <= keyLength else {
      throw TrackerError(
        .invalidParameterValue,
        "\(kind) name '\(key.prefix(30))…' had length \(key.unicodeScalars.count), which exceeded length limit of "
          + "\(keyLength)")
    }
    guard key.unicodeScalars.allSatisfy(isOfKey) else {
      throw TrackerError(
        .invalidParameterValue,
        "Invalid \(kind) name: '\(key)'. Names may only contain alphanumerics, underscores (_), dashes (-), periods "
          + "(.), spaces ( ), colons(:) and slashes (/).")
    }
    guard isNormalPath(key) else {
      throw TrackerError(
        .invalidParameterValue,
        "Invalid \(kind) name: '\(key)'. Names may be treated as files in certain cases, and must not resolve to other "
          + "names when treated as such.")
    }
  }

  /// - Throws: ``TrackerError`` for an experiment's name that is empty or too long.
  public static func checkExperimentName(_ name: String) throws(TrackerError) {
    guard !name.isEmpty else {
      throw TrackerError(.invalidParameterValue, "Invalid experiment name: ''. It must not be empty.")
    }
    guard name.unicodeScalars.count <= experimentNameLength else {
      throw tooLong("Experiment name", name, experimentNameLength)
    }
  }

  static func checkExperimentTag(_ tag: KeyValue) throws(TrackerError) {
    try checkKey(tag.key, "tag")
    guard tag.value.unicodeScalars.count <= experimentTagLength else {
      throw tooLong("Tag value", tag.value, experimentTagLength)
    }
  }

  static func check(_ input: DatasetInput) throws(TrackerError) {
    let dataset = input.dataset
    for (what, text, limit) in [
      ("name", dataset.name, 500), ("digest", dataset.digest, 36), ("schema", dataset.schema, 1_048_575),
      ("source", dataset.source, 65_535), ("profile", dataset.profile, 16_777_215),
    ] where text.unicodeScalars.count > limit {
      throw tooLong("Dataset \(what)", text, limit)
    }
    for tag in input.tags {
      guard tag.key.unicodeScalars.count <= 255 else { throw tooLong("Input tag key", tag.key, 255) }
      guard tag.value.unicodeScalars.count <= 500 else { throw tooLong("Input tag value", tag.value, 500) }
    }
  }

  static func checkLoggedModelName(_ name: String) throws(TrackerError) {
    guard !name.unicodeScalars.contains(where: { "/:.%\"'".unicodeScalars.contains($0) }) else {
      throw TrackerError(
        .invalidParameterValue,
        "Invalid model name ('\(name)') provided. Model name must be a non-empty string and cannot contain the "
          + "following characters: ('/', ':', '.', '%', '\"', \"'\")")
    }
  }

  private static func tooLong(_ what: String, _ text: String, _ limit: Int) -> TrackerError {
    TrackerError(
      .invalidParameterValue,
      "\(what) '\(text.prefix(30))…' had length \(text.unicodeScalars.count), which exceeded length limit of \(limit)")
  }

  /// The beginning of a value that is too long, which is kept, as MLflow does.
  public static func truncated(_ value: String, to length: Int) -> String {
    guard value.utf8.count > length, value.unicodeScalars.count > length else { return value }
    return String(String.UnicodeScalarView(value.unicodeScalars.prefix(length)))
  }

  /// The name of a registered model.
  public static func checkModelName(_ name: String) throws(TrackerError) {
    guard isNormalPath(name), !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(UInt8(ascii: ":")) else {
      throw TrackerError(
        .invalidParameterValue,
        "Invalid model name: '\(name)'. It must not be empty, contain '/' or ':', or be '.' or '..'.")
    }
  }

  /// The alias of a model version: nothing that could be a version's number or “latest”.
  public static func checkAlias(_ alias: String) throws(TrackerError) {
    let isOfWords = !alias.isEmpty && alias.unicodeScalars.allSatisfy { isWord($0) || $0 == "-" }
    guard isOfWords, alias.unicodeScalars.count <= aliasLength else {
      throw TrackerError(
        .invalidParameterValue,
        "Invalid alias name: '\(alias)'. It has up to \(aliasLength) letters, digits, underscores and dashes.")
    }
    let rest = alias.dropFirst()
    let isVersion = "vV".contains(alias.first ?? "-") && !rest.isEmpty && rest.allSatisfy { ("0"..."9").contains($0) }
    guard alias.lowercased() != "latest", !isVersion else {
      throw TrackerError(.invalidParameterValue, "The alias name '\(alias)' is reserved.")
    }
  }

  /// Python's `\w`, and what else MLflow lets into a key.
  private static func isOfKey(_ scalar: Unicode.Scalar) -> Bool {
    isWord(scalar) || "/.- :".unicodeScalars.contains(scalar)
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
  }

  /// Whether a path is its own shortest form, and leads nowhere else. By bytes, as a file system sees it: a mark that
  /// combines with a slash makes another character of it, and is a slash all the same.
  private static func isNormalPath(_ path: String) -> Bool {
    let components = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return components.allSatisfy { component in
      !component.isEmpty && !component.elementsEqual(".".utf8) && !component.elementsEqual("..".utf8)
    }
  }
}
