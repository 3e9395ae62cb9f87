import FoundationEssentials
import HTTPService

/// How clients show a token.
enum ShownToken {
  /// MLflow's clients send a token as it is, or as the password of a user; Jupyter's under a name of their own.
  static func secret(_ request: Request) -> String? {
    guard let header = request.header("Authorization") else { return nil }
    let parts = header.split(separator: " ", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    switch parts[0].lowercased() {
    case "bearer", "token": return String(parts[1].trimming(while: { $0 == " " }))
    case "basic":
      guard let data = Data(base64Encoded: String(parts[1])), let pair = String(validating: data, as: UTF8.self),
        let colon = pair.firstIndex(of: ":")
      else { return nil }
      let password = pair[pair.index(after: colon)...]
      return password.isEmpty ? String(pair[..<colon]) : String(password)
    default: return nil
    }
  }
}

extension Substring {
  fileprivate func trimming(while isUnwanted: (Character) -> Bool) -> Substring {
    var rest = drop(while: isUnwanted)
    while let last = rest.last, isUnwanted(last) { rest.removeLast() }
    return rest
  }
}
