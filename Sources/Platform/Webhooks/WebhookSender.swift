import FoundationEssentials
import Glibc
import Linux
import Secrets
import Subprocess
import SystemPackage
import Tracker

/// What came of one try to deliver.
public struct WebhookResult: Hashable, Sendable {
  /// nil: there was no answer.
  public var status: Int?
  /// The beginning of the answer.
  public var body: String
  /// Why there was none.
  public var error: String?

  public var succeeded: Bool { status.map { (200..<300).contains($0) } ?? false }

  /// Whether it may go better another time: not where the receiver has understood and refused.
  var isWorthAnotherTry: Bool {
    guard let status else { return true }
    return status == 408 || status == 429 || status >= 500
  }
}

/// Sends by curl, which has TLS, and Debian's certificates, without being a part of the daemon.
struct WebhookSender: Sendable {
  /// For the files that curl reads the content from.
  let directory: String
  let targets: WebhookTargets
  let box: SecretBox

  private static let seconds = 15
  private static let answerLimit = 64 << 10

  /// Sends once. What goes wrong is the result.
  func send(_ payload: String, id: String, to webhook: Webhook) async -> WebhookResult {
    do {
      return try await post(payload, id: id, to: webhook)
    } catch let error as TrackerError {
      return WebhookResult(status: nil, body: "", error: error.message)
    } catch {
      return WebhookResult(status: nil, body: "", error: "\(error)")
    }
  }

  private func post(_ payload: String, id: String, to webhook: Webhook) async throws -> WebhookResult {
    let address = try WebhookAddress(webhook.url)
    let targets = targets
    // Here and not only when the webhook was made: a name may lead elsewhere by now. curl is given the address that was
    // looked at, and asks nobody again.
    guard let host = try await offPool({ try address.resolve(targets) }).first else {
      throw TrackerError(.invalidParameterValue, "The webhook's host \(address.host) has no address.")
    }
    let file = "\(directory)/delivery-\(id).json"
    try write(payload, to: file)
    defer { unlink(file) }
    let now = nanosecondsNow() / 1_000_000_000
    var lines = [
      option("url", webhook.url), option("request", "POST"), option("data-binary", "@" + file),
      option("noproxy", "*"), option("proto", "=http,https"), option("connect-timeout", "5"),
      option("max-time", String(Self.seconds)), option("write-out", "\n%{http_code}"),
      option("resolve", "\(address.host):\(address.port):\(host.contains(":") ? "[\(host)]" : host)"),
      option("header", "Content-Type: application/json"), option("header", "X-MLflow-Delivery-Id: \(id)"),
      option("header", "X-MLflow-Timestamp: \(now)"), option("header", "User-Agent: cairn"),
      option("header", "Expect:"),
    ]
    if let secret = try webhook.secret.map({ try box.open(webhookSecret: $0, of: webhook.id) }) {
      let signature = WebhookSignature.header(secret: secret, delivery: id, timestamp: now, payload: payload)
      lines.append(option("header", "X-MLflow-Signature: \(signature)"))
    }
    // Its options come by standard input: addresses may hold secrets, and everybody can read a process's arguments.
    let result = try await Subprocess.run(
      .name("curl"), arguments: ["--disable", "--silent", "--show-error", "--globoff", "--config", "-"],
      environment: .inherit.updating(["NOTIFY_SOCKET": nil]), input: .string(lines.joined()),
      output: .string(limit: Self.answerLimit), error: .string(limit: Self.answerLimit))
    var output = result.standardOutput
    let code = output.lastIndex(of: "\n").flatMap { Int(output[output.index(after: $0)...]) } ?? 0
    if let end = output.lastIndex(of: "\n") { output = String(output[..<end]) }
    if code == 0 {
      let complaint = result.standardError.split(separator: "\n").last.map(String.init)
      return WebhookResult(status: nil, body: "", error: complaint ?? "there was no answer")
    }
    return WebhookResult(status: code, body: String(output.prefix(1000)), error: nil)
  }

  /// A line of curl's configuration. Nothing in a value ends it.
  private func option(_ name: String, _ value: String) -> String {
    let quoted = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    return "\(name) = \"\(quoted)\"\n"
  }

  private func write(_ text: String, to path: String) throws {
    unlink(path)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError("open", path) }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw SystemError("write", path) }
      rest = rest.dropFirst(count)
    }
  }
}
