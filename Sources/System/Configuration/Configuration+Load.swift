import FoundationEssentials
import Yams

extension Configuration {
  /// Reads a file and the environment.
  ///
  /// - Parameters:
  ///   - path: the file; nil: ``defaultPath``, which may be missing.
  ///   - environment: of the process. `CAIRN_STORAGE_DIR` overrides `storage.dir`, and so on for every
  ///     key; an empty value or `null` stands for null.
  public static func load(path: String?, environment: [String: String]) throws(ConfigurationError) -> Configuration {
    var configuration = Configuration()
    if let text = try read(path) {
      try configuration.apply(yaml: text, file: path ?? defaultPath)
    }
    try configuration.apply(environment: environment)
    try configuration.check(place: path ?? defaultPath)
    return configuration
  }

  private static func read(_ path: String?) throws(ConfigurationError) -> String? {
    let file = path ?? defaultPath
    let data: Data
    do {
      data = try Data(contentsOf: URL(filePath: file))
    } catch let error as CocoaError where error.code == .fileReadNoSuchFile && path == nil {
      return nil
    } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
      throw ConfigurationError(place: file, reason: "there is no such file")
    } catch {
      throw ConfigurationError(place: file, reason: "can't be read: \(error)")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw ConfigurationError(place: file, reason: "is not UTF-8")
    }
    return text
  }

  /// Applies what a file says. `file` names it in errors.
  mutating func apply(yaml text: String, file: String) throws(ConfigurationError) {
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch {
      throw ConfigurationError(place: file, reason: "is not YAML: \(error)")
    }
    guard let root, !root.isNull else { return }
    try apply(root, prefix: "", file: file)
  }

  private mutating func apply(_ node: Node, prefix: String, file: String) throws(ConfigurationError) {
    guard case .mapping(let mapping) = node else {
      let what = prefix.isEmpty ? "the file" : String(prefix.dropLast())
      throw ConfigurationError(place: place(file, node), reason: "\(what) must be a mapping of keys to values")
    }
    var seen: Set<String> = []
    for (keyNode, value) in mapping {
      guard let key = keyNode.string else {
        throw ConfigurationError(place: place(file, keyNode), reason: "a key must be a word")
      }
      let name = prefix + key
      guard seen.insert(name).inserted else {
        throw ConfigurationError(place: place(file, keyNode), reason: "\(name) stands here a second time")
      }
      if let known = ConfigurationKey(rawValue: name) {
        try set(known, to: value, at: place(file, keyNode))
      } else if ConfigurationKey.allCases.contains(where: { $0.rawValue.hasPrefix(name + ".") }) {
        if !value.isNull { try apply(value, prefix: name + ".", file: file) }
      } else {
        throw ConfigurationError(place: place(file, keyNode), reason: Self.unknown(name))
      }
    }
  }

  private mutating func set(_ key: ConfigurationKey, to value: Node, at place: String) throws(ConfigurationError) {
    if key == .controlGPUs, case .sequence = value {
      // One parser, for the file and for the variable.
      return try set(key, to: (try? Yams.serialize(node: value)) ?? "", at: place)
    }
    guard case .scalar(let scalar) = value else {
      throw ConfigurationError(place: place, reason: "\(key.rawValue) must be a single value")
    }
    try set(key, to: value.isNull ? nil : scalar.string, at: place)
  }

  private mutating func set(
    _ key: ConfigurationKey, to text: String?, at place: String
  ) throws(ConfigurationError) {
    do {
      try key.set(text, in: &self)
    } catch {
      throw ConfigurationError(place: place, reason: error.reason)
    }
  }

  mutating func apply(environment: [String: String]) throws(ConfigurationError) {
    for key in ConfigurationKey.allCases {
      guard let text = environment[key.variable] else { continue }
      try set(key, to: text.isEmpty || text == "null" ? nil : text, at: key.variable)
    }
  }

  /// What no single value shows: paths that are in each other's way.
  func check(place: String) throws(ConfigurationError) {
    // sockaddr_un has room for 107 bytes and a NUL.
    let longest = Self.longestSocketName.utf8.count + 1
    guard runDirectory.utf8.count + longest <= 107 else {
      throw ConfigurationError(
        place: place,
        reason: "run_dir is \(runDirectory.utf8.count) bytes long; the sockets in it leave it \(107 - longest)")
    }
    let mounts =
      [("storage.mount", storage.mount)] + (storage.persistentMount.map { [("storage.persistent_mount", $0)] } ?? [])
    let directories = [
      ("storage.dir", storage.directory), ("control.dir", control.directory), ("run_dir", runDirectory),
    ]
    for (mountKey, mount) in mounts {
      for (key, directory) in directories where (directory + "/").hasPrefix(mount + "/") {
        throw ConfigurationError(
          place: place, reason: "\(key) (\(directory)) lies in \(mountKey) (\(mount)), which would be mounted over it")
      }
    }
    if control.authentication == .none, let listen = control.listen, !listen.isLoopback {
      throw ConfigurationError(
        place: place,
        reason: "control.auth is none, which lets whoever reaches \(listen) do everything: listen on 127.0.0.1, or ask "
          + "for a token")
    }
    if let persistent = storage.persistentMount, (persistent + "/").hasPrefix(storage.mount + "/") {
      throw ConfigurationError(
        place: place, reason: "storage.persistent_mount (\(persistent)) lies in storage.mount (\(storage.mount))")
    }
  }

  private func place(_ file: String, _ node: Node) -> String {
    node.mark.map { "\(file):\($0.line)" } ?? file
  }

  private static func unknown(_ name: String) -> String {
    let keys = ConfigurationKey.allCases.map(\.rawValue)
    let last = name.split(separator: ".").last.map(String.init) ?? name
    let near = keys.filter { key in
      let keyLast = key.split(separator: ".").last.map(String.init) ?? key
      return editDistance(key, name) <= 2 || editDistance(keyLast, last) <= 2
    }
    let hint =
      near.isEmpty ? "The keys are \(keys.joined(separator: ", "))." : "Is \(near.joined(separator: " or ")) meant?"
    return "there is no key \(name). \(hint)"
  }
}

extension Node {
  /// Whether it is null: `null`, `~` or nothing at all, and not a text in quotes.
  fileprivate var isNull: Bool {
    guard case .scalar(let scalar) = self, scalar.style == .plain || scalar.style == .any else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }
}

/// Levenshtein's distance: the fewest characters to insert, remove or change to make `b` of `a`.
func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, character) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let cost = diagonal + (b[j] == character ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(cost, diagonal + 1, row[j] + 1)
    }
  }
  return row[b.count]
}
