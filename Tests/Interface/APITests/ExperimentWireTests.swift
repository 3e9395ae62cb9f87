import API
import ExperimentStates
import JobStates
import Searchers
import Testing
import Wire

/// The JSON of experiments, to the byte: scripts rely on it.
@Suite struct ExperimentWireTests {
  private func check<Value: Codable & Equatable>(
    _ value: Value, _ json: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(String(decoding: try WireJSON.encode(value), as: UTF8.self) == json, sourceLocation: sourceLocation)
    #expect(try WireJSON.decode(Value.self, from: Array(json.utf8)) == value, sourceLocation: sourceLocation)
  }

  @Test func `experiments`() throws {
    try check(
      Experiment(
        id: "e", name: "curve", project: "p", kind: .sweep, state: .running, detail: nil, metric: "loss",
        goal: .minimize, jobs: 3, unfinishedJobs: 2, maxTrials: 12, bestTrial: 1, bestValue: 0.25, restarts: 0,
        workspaceSnapshot: 7, createdNanoseconds: 1, endedNanoseconds: nil),
      #"""
      {"best_trial":1,"best_value":0.25,"created_nanoseconds":1,"goal":"minimize","id":"e","jobs":3,"kind":"sweep",\#
      "max_trials":12,"metric":"loss","name":"curve","project":"p","restarts":0,"state":"running",\#
      "unfinished_jobs":2,"workspace_snapshot":7}
      """#)
    try check(
      NewExperiment(file: "a: 1", name: "n", directory: "d", workspaceSnapshot: 3),
      #"{"directory":"d","file":"a: 1","name":"n","workspace_snapshot":3}"#)
  }

  @Test func `trials, whose parameters keep their names and kinds`() throws {
    try check(
      Trial(
        number: 4, job: "j", state: .stopped,
        parameters: [
          Parameter("learningRate", .number(1e-05)), Parameter("n", .integer(3)), Parameter("b", .bool(true)),
          Parameter("l", .list([.text("x"), .null])), Parameter("t", .table(["someKey": .integer(1)])),
        ], origin: 2, stopReason: .unpromising, values: 9, best: 0.5, last: nil, time: 9),
      #"""
      {"best":0.5,"job":"j","number":4,"origin":2,"parameters":[{"name":"learningRate","value":1e-05},\#
      {"name":"n","value":3},{"name":"b","value":true},{"name":"l","value":["x",null]},\#
      {"name":"t","value":{"someKey":1}}],"state":"stopped","stop_reason":"unpromising","time":9,"values":9}
      """#)
  }

  @Test func `replicas and comparisons`() throws {
    try check(
      GroupReplica(restart: 1, rank: 2, role: "ps", index: 0, job: "j", state: .failed, exitCode: 7),
      #"{"exit_code":7,"index":0,"job":"j","rank":2,"restart":1,"role":"ps","state":"failed"}"#)
    try check(
      Comparison(jobs: ["a", "b"], parameters: [.init(name: "lr", values: ["1", nil])], metrics: [], files: []),
      #"{"files":[],"jobs":["a","b"],"metrics":[],"parameters":[{"name":"lr","values":["1",null]}]}"#)
  }
}
