import JobStates
import Testing

@testable import ExperimentFiles

/// What a file says of the jobs that it is made of.
struct JobTemplateTests {
  private func read(_ text: String) throws -> ExperimentFile { try ExperimentFile(parsing: text, seed: 1) }

  @Test func `secrets, priority and models are given as cairn run's options have them`() throws {
    let job = try read(
      """
      command: train
      searcher: grid
      parameters: {a: {values: [1]}}
      secrets: [hf_token, "wandb:WANDB_API_KEY"]
      secret_files: [key, "cert:/etc/cert.pem"]
      priority: preemptible
      models: ["digits:3", base@production, "digits:3"]
      """
    ).job
    #expect(
      job.secrets == [
        SecretUse(name: "hf_token", variable: "hf_token"), SecretUse(name: "wandb", variable: "WANDB_API_KEY"),
        SecretUse(name: "key", file: "/run/secrets/key"), SecretUse(name: "cert", file: "/etc/cert.pem"),
      ])
    #expect(job.priority == .preemptible)
    #expect(job.models == ["digits:3", "base@production"])
  }

  @Test func `a role has what all have, and its own`() throws {
    let file = try read(
      """
      command: train
      secrets: [token, "shared:KEY"]
      models: ["base:1"]
      priority: interactive
      roles:
        chief: {secrets: ["own:KEY"], models: ["extra:2"]}
        worker: {}
      """)
    guard case .group(let group) = file.work else { return }
    #expect(
      group.roles[0].job.secrets == [
        SecretUse(name: "token", variable: "token"), SecretUse(name: "own", variable: "KEY"),
      ])
    #expect(group.roles[1].job.secrets?.map(\.name) == ["token", "shared"])
    #expect(group.roles.map(\.job.models) == [["base:1", "extra:2"], ["base:1"]])
    #expect(group.roles.allSatisfy { $0.job.priority == .interactive })
  }

  @Test(arguments: [
    ("secrets: token", "line 2: `secrets` must be a list"),
    ("secrets: [':X']", "`secrets[0]` must be the name of a secret"),
    ("secrets: ['a:']", "must be the name of a secret"), ("secret_files: [{name: x}]", "must be a text"),
    ("priority: urgent", "must be one of interactive, normal, preemptible"), ("models: digits", "must be a list"),
    ("models: ['']", "`models[0]` must be a model version"), ("models: [':3']", "must be a model version"),
  ])
  func `what is wrong with them is said`(text: String, expected: String) {
    let said = complaint("command: x\n\(text)\nreplicas: 2")
    #expect(said.contains(expected), "\(said)")
  }

  @Test func `replicas of a group have one priority`() {
    let said = complaint("command: x\nroles:\n  a: {priority: preemptible}\n  b: {}")
    #expect(said.contains("different priorities"), "\(said)")
  }
}
