import ExperimentFiles

/// A replica and where it is: in the group's own network, or on the host's.
struct GroupMember: Hashable, Sendable {
  var rank: Int
  var role: String
  /// Among those of its role, from 0.
  var index: Int
  var gpus: Int
  var address: String
  /// Where its own server listens, if it has one.
  var port: Int

  var name: String { "\(role)-\(index)" }
  /// Processes on it, one for each GPU.
  var slots: Int { max(gpus, 1) }

  /// All members of a group, by rank.
  /// - Parameter subnet: of the group's own network, such as `10.89.3.0/24`; nil: they use the host's.
  static func all(of group: ReplicaGroup, subnet: String?) -> [GroupMember] {
    var members: [GroupMember] = []
    for role in group.roles {
      for index in 0..<role.count {
        let rank = members.count
        members.append(
          GroupMember(
            rank: rank, role: role.name, index: index, gpus: role.job.gpus,
            // The first addresses of a subnet are the gateway's and the name server's.
            address: subnet.flatMap { Self.address(10 + rank, in: $0) } ?? "127.0.0.1",
            // On one address they need a port each.
            port: group.port + (subnet == nil ? rank : 0)))
      }
    }
    return members
  }

  /// The address of this number in a subnet; nil: the subnet is none, or too small.
  static func address(_ number: Int, in subnet: String) -> String? {
    let parts = subnet.split(separator: "/")
    guard parts.count == 2, let prefix = Int(parts[1]), (1...30).contains(prefix) else { return nil }
    let bytes = parts[0].split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt8($0) }
    guard bytes.count == 4, number < 1 << (32 - prefix) - 1 else { return nil }
    let base = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & ~(UInt32(1) << UInt32(32 - prefix) &- 1)
    let address = base + UInt32(number)
    return [24, 16, 8, 0].map { "\(address >> UInt32($0) & 255)" }.joined(separator: ".")
  }
}
