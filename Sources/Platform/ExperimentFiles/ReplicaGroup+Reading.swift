import JobStates

extension ReplicaGroup {
  /// The most replicas of a group.
  static let mostReplicas = 200

  init(reading fields: inout FileFields, _ template: JobTemplate) throws {
    let command = try fields.take("command") { try $0.command() }
    let replicas = fields.take("replicas")
    let given = fields.take("roles")
    if let replicas, given != nil { throw replicas.fault("can't stand beside `roles`: each role has its own") }
    if let given {
      roles = try given.fields().values.map { name, node in
        try Role(name: name, reading: node, template, command: command)
      }
      guard !roles.isEmpty else { throw given.fault("names no role") }
    } else {
      guard let command, !command.isEmpty else { throw fields.owner.fault("needs a `command`") }
      let count = try replicas?.integer(1...Self.mostReplicas) ?? 1
      roles = [Role(name: "worker", count: count, command: command, job: template)]
    }
    port = try fields.take("port") { try $0.integer(1024...65_535) } ?? 29_500
    success = try fields.take("success") { try $0.choice(Success.self) } ?? .all
    maxRestarts = try fields.take("max_restarts") { try $0.integer(0...1000) } ?? 0
    slurm = try fields.take("slurm") { try $0.bool() } ?? false
    guard count <= Self.mostReplicas else { throw fields.owner.fault("has more than \(Self.mostReplicas) replicas") }
    guard Set(roles.map { $0.job.priority ?? .normal }).count == 1 else {
      throw fields.owner.fault("gives its roles different priorities; replicas start together, so give all the same")
    }
    guard !(roles[0].command.isEmpty) else {
      throw given?.fault("has a first role without a command") ?? fields.owner.fault("needs a `command`")
    }
    if success == .all, roles.contains(where: \.command.isEmpty) {
      // What only waits never ends by itself.
      success = .first
    }
  }
}

extension ReplicaGroup.Role {
  init(name: String, reading node: FileNode, _ template: JobTemplate, command: [String]?) throws {
    let isValid =
      (1...32).contains(name.utf8.count)
      && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    guard isValid else { throw node.fault("can't be a role's name: use lower-case letters, digits and dashes") }
    self.name = name
    var fields = try node.fields()
    count = try fields.take("replicas") { try $0.integer(1...ReplicaGroup.mostReplicas) } ?? 1
    // `command:` with nothing after it is a role that waits, even where there is a command for all.
    let isEmpty = fields.values.contains { $0.name == "command" && $0.node.isNull }
    self.command = try fields.take("command") { try $0.command() } ?? (isEmpty ? [] : command ?? [])
    job = template
    try job.read(&fields)
    try fields.end()
  }
}
