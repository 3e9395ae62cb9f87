import ModelFormats

/// Names of directories for names of models.
enum ModelDirectory {
  /// A name that is safe as a directory's, in a link, and in an option of podman: the model's own where it is, else with
  /// a `-` for each character that is not, and enough of the name's digest to tell it from others.
  static func name(for model: String) -> String {
    let safe = model.unicodeScalars.map { isSafe($0) ? Character($0) : "-" }
    let isOwn =
      !safe.isEmpty && String(safe) == model && model.utf8.count <= 128 && model.utf8.first != UInt8(ascii: ".")
    if isOwn { return model }
    let digest = ContentDigest.hexadecimal(of: Array(model.utf8)).prefix(12)
    let start = String(String.UnicodeScalarView(String(safe).unicodeScalars.prefix(48))).drop { $0 == "." }
    return "\(start)-\(digest)"
  }

  /// The directory of a new model: the name alone for the first project that uses it, with the project's for others.
  /// - Parameter isTaken: whether a directory, as `models/digits`, is another model's.
  static func path(for model: String, project: String, isTaken: (String) throws -> Bool) rethrows -> String {
    let name = "models/" + name(for: model)
    if try !isTaken(name) { return name }
    let withProject = "\(name)@\(project)"
    var candidate = withProject
    var number = 2
    // A model may be called so.
    while try isTaken(candidate) {
      candidate = "\(withProject)-\(number)"
      number += 1
    }
    return candidate
  }

  private static func isSafe(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || scalar.properties.numericType != nil || "._-+@ ".unicodeScalars.contains(scalar)
  }
}
