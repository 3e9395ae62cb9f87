import DeploymentStates

/// The weight of each replica that serves, 1 to 256 as HAProxy has them.
///
/// Without a canary all weigh the same. With one, its replicas share its percentage, and the others the rest; where only
/// one side is ready it gets everything.
func trafficWeights(_ replicas: [ReplicaView], target: Int, canaryPercent: Int?) -> [String: Int] {
  let ready = replicas.filter(\.isReady)
  let canary = ready.filter { $0.revision == target }
  let rest = ready.filter { $0.revision != target }
  guard let canaryPercent, !canary.isEmpty, !rest.isEmpty else {
    return Dictionary(uniqueKeysWithValues: ready.map { ($0.id, 100) })
  }
  let shares = [
    (canary, Double(canaryPercent) / Double(canary.count)), (rest, Double(100 - canaryPercent) / Double(rest.count)),
  ]
  // The largest gets the most that there is: the ratio is kept as finely as the range allows.
  let scale = 256 / max(shares[0].1, shares[1].1)
  var weights: [String: Int] = [:]
  for (members, share) in shares {
    for member in members { weights[member.id] = max(1, Int((share * scale).rounded())) }
  }
  return weights
}
