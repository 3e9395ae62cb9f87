import Testing

@testable import ExperimentFiles

struct GroupFileTests {
  private func group(_ text: String) throws -> ReplicaGroup {
    guard case .group(let group) = try ExperimentFile(parsing: text, seed: 5).work else {
      throw ExperimentFileError(line: nil, key: "", "is no group")
    }
    return group
  }

  @Test func `replicas of one command need a line more than a job`() throws {
    let group = try group("command: [torchrun, train.py]\nreplicas: 4\ngpus: 1\nmax_restarts: 2")
    #expect(group.roles.map(\.name) == ["worker"])
    #expect(group.count == 4)
    #expect(group.roles[0].job.gpus == 1)
    #expect(group.port == 29_500)
    #expect(group.maxRestarts == 2)
    #expect(group.success == .all)
  }

  @Test func `roles have commands and resources of their own, in the file's order`() throws {
    let group = try group(
      """
      image: tensorflow
      memory: 1g
      roles:
        chief: {command: python3 train.py}
        worker: {replicas: 2, command: [python3, train.py], cpus: 2}
        ps: {replicas: 1, command: [python3, train.py], memory: 4g}
      success: first
      """)
    #expect(group.roles.map(\.name) == ["chief", "worker", "ps"])
    #expect(group.roles.map(\.count) == [1, 2, 1])
    #expect(group.roles[1].job.cpus == 2)
    #expect(group.roles[2].job.memoryBytes == 4 << 30)
    #expect(group.roles[1].job.memoryBytes == 1 << 30)
    #expect(group.roles[0].job.image == "tensorflow")
  }

  @Test func `a role without a command waits for mpirun, and the first decides`() throws {
    let group = try group("roles:\n  launcher: {command: [mpirun, hostname]}\n  worker: {replicas: 2}")
    #expect(group.roles[1].command == [])
    #expect(group.success == .first)
  }

  @Test(arguments: [
    ("replicas: 2", "needs a `command`"), ("command: x\nreplicas: 0", "from 1 to 200"),
    ("command: x\nreplicas: 2\nroles: {a: {}}", "can't stand beside"),
    ("roles: {worker: {replicas: 2}}", "first role without a command"),
    ("command: x\nroles: {Worker: {}}", "can't be a role's name"),
    ("command: x\nroles: {a: {replicas: 150}, b: {replicas: 150}}", "more than 200"),
    ("command: x\nreplicas: 2\nparameters: {a: 1}", "`parameters` is not known here"),
    ("command: x\nreplicas: 2\nport: 80", "from 1024 to 65535"),
  ])
  func `what is wrong with a group is said`(text: String, expected: String) {
    let said = complaint(text)
    #expect(said.contains(expected), "\(said)")
  }
}
