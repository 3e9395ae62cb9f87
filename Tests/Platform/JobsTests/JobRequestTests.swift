import ControlDatabase
import Testing

@testable import Jobs

struct JobRequestTests {
  private let host = Resources(gpus: 0, cpus: 4, memoryBytes: 8 << 30)

  private func request(_ change: (inout JobRequest) -> Void) -> JobRequest {
    var request = JobRequest(project: "p", image: "debian", command: ["true"])
    change(&request)
    return request
  }

  @Test func `a plain request is accepted`() throws {
    try check(request { _ in }, host: host)
  }

  @Test func `a job that asks for a GPU on a host without any is refused in a sentence that says so`() {
    let error = #expect(throws: ControlError.self) { try check(request { $0.gpus = 1 }, host: host) }
    #expect(error?.code == .invalid)
    #expect(error?.message == "the job asks for 1 GPUs and this host has none; leave --gpus out, or see cairn gpu ls")
  }

  @Test(
    arguments: [
      { $0.command = [] }, { $0.image = "" }, { $0.image = "--privileged" }, { $0.environment = ["A=B": "c"] },
      { $0.environment = ["": "c"] }, { $0.environment = ["A\n": "c"] }, { $0.environment = ["A": "\0"] },
      { $0.command = ["a\0b"] }, { $0.user = "-v/:/x" }, { $0.gpus = -1 }, { $0.retries = -1 }, { $0.cpus = 0 },
      { $0.cpus = .nan }, { $0.cpus = 5 }, { $0.memoryBytes = 1 }, { $0.memoryBytes = 9 << 30 },
      { $0.timeoutSeconds = 0 },
    ] as [@Sendable (inout JobRequest) -> Void])
  func `what can't be run is refused`(change: @Sendable (inout JobRequest) -> Void) {
    #expect(throws: ControlError.self) { try check(request(change), host: host) }
  }

  private func group(_ size: Int, of members: Int, _ change: (inout JobRequest) -> Void = { _ in }) -> [JobRequest] {
    (0..<size).map { _ in
      request {
        $0.group = JobGroup(id: "g", members: members)
        change(&$0)
      }
    }
  }

  @Test func `a group is accepted whole, if the host can hold all of it at once`() throws {
    try check(groupsOf: group(3, of: 3), host: host)
    try check(groupsOf: group(2, of: 2) { $0.cpus = 2 } + [request { _ in }], host: host)
    #expect(throws: ControlError.self) { try check(groupsOf: group(2, of: 3), host: host) }
    #expect(throws: ControlError.self) { try check(groupsOf: group(2, of: 2) { $0.cpus = 3 }, host: host) }
    #expect(throws: ControlError.self) { try check(groupsOf: group(3, of: 3) { $0.memoryBytes = 3 << 30 }, host: host) }
    #expect(throws: ControlError.self) {
      try check(groupsOf: group(2, of: 2) { $0.group?.id = "../x" }, host: host)
    }
  }
}
