/// What HAProxy is told at its runtime socket to make its servers those that are wanted, in order.
///
/// A server that goes is taken out first and deleted when its last connection has gone, so deleting it may be refused
/// and is tried again with the next look.
func proxyCommands(wanted: [ProxyDeployment], observed: [ObservedServer]) -> [String] {
  var commands: [String] = []
  for deployment in wanted {
    let present = Dictionary(
      observed.filter { $0.backend == deployment.backend }.map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first })
    for server in deployment.servers {
      let path = "\(deployment.backend)/\(server.name)"
      guard let there = present[server.name] else {
        commands += [
          "add server \(path) \(server.words)", "enable health \(path)", "enable server \(path)",
        ]
        continue
      }
      if there.weight != server.weight { commands.append("set server \(path) weight \(server.weight)") }
      if there.isInMaintenance { commands.append("set server \(path) state ready") }
    }
    let names = Set(deployment.servers.map(\.name))
    for server in present.values.sorted(by: { $0.name < $1.name }) where !names.contains(server.name) {
      let path = "\(deployment.backend)/\(server.name)"
      if !server.isInMaintenance { commands.append("set server \(path) state maint") }
      commands.append("del server \(path)")
    }
  }
  return commands
}
