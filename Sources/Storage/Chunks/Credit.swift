/// What fetching in advance may still cost until it has proved useful again.
///
/// What was made together is often used together, and fetching it together is cheaper; but in a random search
/// of a large store it would only be in the way. So what is fetched in advance is paid for with credit, and each
/// use of it earns some.
public struct Credit: Sendable {
  public static let most = 64
  /// One of so many fetches of what was not there earns a unit without merit: the pattern may have changed.
  private static let trial = 64

  /// 0 to ``most``.
  public private(set) var left = most
  private var misses = 0

  public init() {}

  /// Something was used that had been fetched in advance.
  public mutating func earn() { left = min(left + 1, Self.most) }

  /// Something had to be fetched that was not there.
  public mutating func noteMiss() {
    misses += 1
    if misses % Self.trial == 0 { earn() }
  }

  /// Whether `cost` can be paid, which it is then.
  public mutating func spend(_ cost: Int) -> Bool {
    guard left >= cost else { return false }
    left -= cost
    return true
  }
}
