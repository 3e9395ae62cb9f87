/// How a host's GPUs are connected, as islands within islands: within one, every GPU reaches every other by
/// connections at least as good as the island's level.
struct Islands: Sendable {
  private struct Island: Sendable {
    let members: [Int]
    /// More is better connected.
    let level: Int
    /// Better connected parts of it; none where all of it is alike.
    let parts: [Island]
  }

  private let whole: Island

  /// - Parameter closeness: see ``Host``. What is missing in it counts as 0.
  init(count: Int, closeness: [[Int]]) {
    func close(_ a: Int, _ b: Int) -> Int {
      closeness.indices.contains(a) && closeness[a].indices.contains(b) ? closeness[a][b] : 0
    }
    var levels: Set<Int> = []
    for a in 0..<count { for b in 0..<count where a != b { levels.insert(close(a, b)) } }

    func island(_ members: [Int], level: Int, above levels: ArraySlice<Int>) -> Island {
      guard let next = levels.first, members.count > 1 else {
        return Island(members: members, level: members.count > 1 ? level : .max, parts: [])
      }
      var parts: [[Int]] = []
      for member in members {
        let joined = parts.indices.filter { parts[$0].contains { close($0, member) >= next } }
        let merged = joined.flatMap { parts[$0] } + [member]
        for index in joined.reversed() { parts.remove(at: index) }
        parts.append(merged.sorted())
      }
      let rest = levels.dropFirst()
      if parts.count == 1 { return island(members, level: next, above: rest) }
      parts.sort { $0[0] < $1[0] }
      return Island(members: members, level: level, parts: parts.map { island($0, level: next, above: rest) })
    }
    whole = island(Array(0..<count), level: .min, above: levels.sorted()[...])
  }

  /// So many of the free GPUs, as close together as can be; of several such sets, one in the islands that have the
  /// fewest others free, so that whole islands stay for those who need them. nil: there are not so many.
  func choose(_ count: Int, free: (Int) -> Bool) -> [Int]? {
    let available = whole.members.filter(free)
    guard available.count >= count else { return nil }
    if available.count == count || whole.parts.isEmpty { return Array(available.prefix(count)) }
    let tightest = Self.tightest(for: count, in: whole, frees: [], free: free)
    return Self.choose(count, in: tightest?.island ?? whole, free: free)
  }

  /// The best connected island that has so many free.
  /// - Parameter frees: how many are free in the islands around it, the innermost first.
  /// - Returns: nil where not even this one has so many; `frees` with the island's own first.
  private static func tightest(
    for count: Int, in island: Island, frees: [Int], free: (Int) -> Bool
  ) -> (island: Island, frees: [Int])? {
    let available = island.members.count(where: free)
    guard available >= count else { return nil }
    let frees = [available] + frees
    var best = (island: island, frees: frees)
    for part in island.parts {
      guard let found = tightest(for: count, in: part, frees: frees, free: free) else { continue }
      let isBetter =
        found.island.level != best.island.level
        ? found.island.level > best.island.level : found.frees.lexicographicallyPrecedes(best.frees)
      if isBetter { best = found }
    }
    return best
  }

  /// - Precondition: the island has so many free, none of its parts has.
  private static func choose(_ count: Int, in island: Island, free: (Int) -> Bool) -> [Int] {
    if island.parts.isEmpty { return Array(island.members.lazy.filter(free).prefix(count)) }
    var parts = island.parts.map { (part: $0, free: $0.members.count(where: free)) }
    var chosen: [Int] = []
    while true {
      let rest = count - chosen.count
      if let tightest = parts.filter({ $0.free >= rest }).min(by: { $0.free < $1.free }) {
        return chosen + choose(rest, in: tightest.part, free: free)
      }
      // It is spread over parts in any case: over the fewest, if the largest go first.
      let largest = parts.indices.max { (parts[$0].free, -$0) < (parts[$1].free, -$1) }!
      chosen += parts.remove(at: largest).part.members.filter(free)
    }
  }
}
