import Glibc

/// The keys of the configuration file.
enum ConfigurationKey: String, CaseIterable {
  case runDir = "run_dir"
  case storageDir = "storage.dir"
  case storageMount = "storage.mount"
  case storagePersistentMount = "storage.persistent_mount"
  case controlDir = "control.dir"
  case controlListen = "control.listen"
  case controlAuth = "control.auth"
  case controlWebhooks = "control.webhooks"
  case controlGPUs = "control.gpus"
  case controlFairShareHalfLife = "control.fair_share_half_life"
  case controlCheckpointGrace = "control.checkpoint_grace"
  case controlSecretsKey = "control.secrets_key"
  case controlJobLogLimit = "control.job_log_limit"
  case deploymentsListen = "deployments.listen"

  /// The variable that overrides it, such as `CAIRN_STORAGE_DIR` for `storage.dir`.
  var variable: String {
    "CAIRN_" + rawValue.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
  }

  /// Puts a value in its place. `text` nil: null.
  func set(_ text: String?, in configuration: inout Configuration) throws(InvalidValue) {
    switch self {
    case .runDir: configuration.runDirectory = try path(text)
    case .storageDir: configuration.storage.directory = try path(text)
    case .storageMount: configuration.storage.mount = try path(text)
    case .storagePersistentMount: configuration.storage.persistentMount = text == nil ? nil : try path(text)
    case .controlDir: configuration.control.directory = try path(text)
    case .controlListen: configuration.control.listen = text == nil ? nil : try address(text)
    case .deploymentsListen: configuration.deployments.listen = text == nil ? nil : try address(text)
    case .controlAuth: configuration.control.authentication = try authentication(text)
    case .controlSecretsKey: configuration.control.secretsKey = text == nil ? nil : try path(text)
    case .controlJobLogLimit: configuration.control.jobLogLimit = try bytes(text)
    case .controlWebhooks: configuration.control.webhooks = try webhooks(text)
    case .controlGPUs: configuration.control.gpus = text == nil ? nil : try DeclaredGPU.parse(text ?? "", key: rawValue)
    case .controlFairShareHalfLife:
      configuration.control.fairShareHalfLifeSeconds = try seconds(text, in: 60...315_360_000)
    case .controlCheckpointGrace: configuration.control.checkpointGraceSeconds = try seconds(text, in: 0...86_400)
    }
  }

  struct InvalidValue: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
  }

  private func authentication(_ text: String?) throws(InvalidValue) -> Configuration.Authentication {
    // YAML's null is how some write “none”.
    guard let value = Configuration.Authentication(rawValue: text ?? "none") else {
      throw InvalidValue("\(rawValue) is either token or none; \((text ?? "").debugDescription) is neither")
    }
    return value
  }

  private func webhooks(_ text: String?) throws(InvalidValue) -> Configuration.WebhookTargets {
    guard let value = text.flatMap(Configuration.WebhookTargets.init(rawValue:)) else {
      throw InvalidValue("\(rawValue) is either public or private; \((text ?? "null").debugDescription) is neither")
    }
    return value
  }

  /// Such as `90s`, `30m`, `12h` or `1d`.
  private func seconds(_ text: String?, in range: ClosedRange<Int>) throws(InvalidValue) -> Int {
    let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    let text = text ?? ""
    guard let unit = text.last.flatMap({ units[$0] }), let number = Int(text.dropLast()),
      (0...1_000_000).contains(number),
      range.contains(number * unit)
    else {
      throw InvalidValue(
        "\(rawValue) is a time from \(range.lowerBound)s to \(range.upperBound)s, such as 90s, 30m, 12h or 1d;"
          + " \(text.debugDescription) is not")
    }
    return number * unit
  }

  /// An absolute path, without doubled and closing slashes.
  private func path(_ text: String?) throws(InvalidValue) -> String {
    guard let text, !text.isEmpty else { throw InvalidValue("\(rawValue) must be an absolute path; it can't be null") }
    guard text.hasPrefix("/") else {
      throw InvalidValue(
        "\(rawValue) must be an absolute path, one that begins with /; \(text.debugDescription) is not")
    }
    let parts = text.split(separator: "/").filter { $0 != "." }
    guard !parts.contains(".."), !parts.isEmpty, !text.unicodeScalars.contains(where: { $0.value < 32 }) else {
      throw InvalidValue("\(rawValue) can't be \(text.debugDescription): name a directory, without .. in it")
    }
    guard text.utf8.count <= 4000 else { throw InvalidValue("\(rawValue) is longer than 4000 bytes") }
    return "/" + parts.joined(separator: "/")
  }

  /// `4096`, `256m` or `1g`, of 1 MiB at least.
  private func bytes(_ text: String?) throws(InvalidValue) -> UInt64 {
    let text = text ?? ""
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let shifts: [Substring: UInt64] = ["": 0, "k": 10, "m": 20, "g": 30]
    guard let number = UInt64(digits), let shift = shifts[text.dropFirst(digits.count)], number < 1 << 32,
      number << shift >= 1 << 20
    else {
      throw InvalidValue(
        "\(rawValue) must be a number of bytes, such as 256m, of 1m at least; \(text.debugDescription) is not")
    }
    return number << shift
  }

  /// `127.0.0.1:7070` or `[::1]:7070`.
  private func address(_ text: String?) throws(InvalidValue) -> ListenAddress {
    let text = text ?? ""
    let fault = InvalidValue(
      "\(rawValue) must be an address in digits and a port, such as 127.0.0.1:7070 or [::1]:7070, or null for none; "
        + "\(text.debugDescription) is not")
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      text[text.index(after: colon)...].allSatisfy(\.isNumber)
    else { throw fault }
    var host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = host.dropFirst().dropLast() }
    var bytes = in6_addr()
    guard inet_pton(isBracketed ? AF_INET6 : AF_INET, String(host), &bytes) == 1 else { throw fault }
    return ListenAddress(host: String(host), port: port)
  }
}
