import CCrypto
import FoundationEssentials

/// By which a receiver knows that a delivery is ours, and whole: HMAC-SHA256 of its identifier, the time and its content.
///
/// Source: `mlflow/webhooks/delivery.py` of MLflow 3.17.
enum WebhookSignature {
  /// - Parameter timestamp: seconds since 1970.
  static func header(secret: String, delivery: String, timestamp: Int64, payload: String) -> String {
    let message = Array("\(delivery).\(timestamp).\(payload)".utf8)
    let key = Array(secret.utf8)
    var digest = [UInt8](repeating: 0, count: 32)
    // It fails only without memory; going on would send a signature that nobody can check.
    guard HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &digest, nil) != nil else {
      fatalError("HMAC-SHA256 failed")
    }
    return "v1," + Data(digest).base64EncodedString()
  }
}
