/// A version that can't be removed, because somebody needs its files.
public struct ModelInUse: Error, Hashable, CustomStringConvertible, Sendable {
  /// As `digits/3`.
  public let version: String
  public let uses: [ModelUse]

  public var description: String {
    let holders = uses.prefix(10).map { "\($0.kind.rawValue) \($0.holder)" }.joined(separator: ", ")
    let more = uses.count > 10 ? " and \(uses.count - 10) others" : ""
    return "model version \(version) is in use by \(holders)\(more); stop what uses it, then remove it"
  }
}
