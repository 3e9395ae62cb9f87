import Containers
import ControlDatabase
import FoundationEssentials
import JobStates
import Jobs
import Secrets
import Testing

/// What a log shows of secrets when nobody can tell any more what they are, or were.
struct WithheldLogTests {
  private static let value = "hush-2f6b1c-hush"
  private static let script =
    "echo ready; while [ ! -e go ]; do sleep 0.05; done; echo \"it is $TOKEN\"; echo \"and $TOKEN\" >&2"
  private static let hidden = [
    "and \(String(repeating: "*", count: value.count))", "it is \(String(repeating: "*", count: value.count))", "ready",
  ]

  private func submit(_ bench: Workbench) async throws -> Job {
    _ = try await bench.secrets.set("token", project: nil, value: Array(Self.value.utf8))
    let job = try await bench.submit(Self.script) { $0.secrets = [SecretUse(name: "token", variable: "TOKEN")] }
    try await bench.waitForLine("ready", of: job)
    try await bench.waitUntilRunning(job)
    return job
  }

  private func goOn(_ bench: Workbench, _ job: Job) {
    #expect(FileManager.default.createFile(atPath: "\(bench.storage.mount)/workspaces/\(job.id)/go", contents: nil))
  }

  private func wait(forFile path: String) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while !FileManager.default.fileExists(atPath: path), .now < deadline {
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test func `a log whose secrets can't be read is neither shown nor compressed before they can be`() async throws {
    let job: Job
    let directory: String
    do {
      let first = try await Workbench()
      directory = first.directory
      job = try await submit(first)
      await first.leave()
    }
    let (key, log) = ("\(directory)/control/secrets.key", "\(directory)/control/logs/\(job.id)/1.log")
    // As if the key were another host's.
    try FileManager.default.moveItem(atPath: key, toPath: key + ".kept")
    do {
      let second = try await Workbench(directory: directory)
      goOn(second, job)
      #expect(try await second.jobs.wait(for: job.id).state == .succeeded)
      try await second.expectNothingLeft(of: job)
      let selections = [
        JobLogSelection(), JobLogSelection(follow: true), JobLogSelection(tail: 1), JobLogSelection(stream: .stderr),
        JobLogSelection(after: LogCursor("1:0")),
      ]
      for selection in selections {
        var shown: [String] = []
        let error = await #expect(throws: ControlError.self) {
          for try await line in second.jobs.logs(of: job.id, selection) { shown.append(line.text) }
        }
        #expect(shown == [])
        #expect(error?.code == .unavailable && error?.message.contains("withheld") ?? false, "\(selection)")
      }
      #expect(FileManager.default.fileExists(atPath: log) && !FileManager.default.fileExists(atPath: log + ".lz4"))
      await second.leave()
    }
    try FileManager.default.removeItem(atPath: key)
    try FileManager.default.moveItem(atPath: key + ".kept", toPath: key)
    try await withWorkbench(at: directory) { third in
      #expect(try await third.log(of: job).sorted() == Self.hidden)
      try await wait(forFile: log + ".lz4")
      #expect(try await third.log(of: job).sorted() == Self.hidden)
      // They are hidden in it for good: it needs them no more.
      try await third.secrets.remove("token", project: nil)
      #expect(try await third.log(of: job).sorted() == Self.hidden)
    }
  }

  @Test(arguments: [true, false])
  func `a value that is replaced or removed while a job has it stays hidden in its log`(isReplaced: Bool) async throws {
    try await withWorkbench { bench in
      let job = try await submit(bench)
      if isReplaced {
        _ = try await bench.secrets.set("token", project: nil, value: Array("another-one".utf8))
      } else {
        try await bench.secrets.remove("token", project: nil)
      }
      goOn(bench, job)
      #expect(try await bench.jobs.wait(for: job.id).state == .succeeded)
      #expect(try await bench.log(of: job).sorted() == Self.hidden)
      let log = "\(bench.directory)/control/logs/\(job.id)/1.log"
      try await wait(forFile: log + ".lz4")
      #expect(try await bench.log(of: job).sorted() == Self.hidden)
    }
  }
}
