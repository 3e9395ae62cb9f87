import ExperimentFiles
import Foundation
import JobStates
import TestSupport
import Testing

@testable import Experiments

struct GroupTests {
  private func group(_ text: String) throws -> ReplicaGroup {
    guard case .group(let group) = try ExperimentFile(parsing: text, seed: 1).work else {
      throw ExperimentFileError(line: nil, key: "", "is no group")
    }
    return group
  }

  private func variables(_ text: String, rank: Int, subnet: String? = "10.89.7.0/24") throws -> [String: String] {
    let group = try group(text)
    let members = GroupMember.all(of: group, subnet: subnet)
    return GroupEnvironment(group: group, members: members, startName: "abc-0", interface: subnet.map { _ in "eth0" })
      .variables(of: members[rank])
  }

  @Test func `PyTorch and torchrun find each other`() throws {
    let found = try variables("command: [torchrun, x.py]\nreplicas: 3\ngpus: 2", rank: 1)
    let expected = [
      "MASTER_ADDR": "10.89.7.10", "MASTER_PORT": "29500", "WORLD_SIZE": "3", "RANK": "1", "LOCAL_RANK": "0",
      "PET_NNODES": "3", "PET_NPROC_PER_NODE": "2", "PET_NODE_RANK": "1", "PET_RDZV_BACKEND": "c10d",
      "PET_RDZV_ENDPOINT": "10.89.7.10:29500", "PET_RDZV_ID": "abc-0", "GLOO_SOCKET_IFNAME": "eth0",
      "CAIRN_NODES_NUM": "3", "CAIRN_NODE_RANK": "1", "CAIRN_GPUS_NUM": "6", "CAIRN_MASTER_NODE_IP": "10.89.7.10",
      "CAIRN_NODES_IPS": "10.89.7.10\n10.89.7.11\n10.89.7.12",
    ]
    for (name, value) in expected { #expect(found[name] == value, "\(name)") }
    #expect(found["SLURM_PROCID"] == nil)
  }

  @Test func `TensorFlow's cluster has every role`() throws {
    let text = "command: x\nroles:\n  chief: {}\n  worker: {replicas: 2}\n  ps: {}"
    let json = try variables(text, rank: 2)["TF_CONFIG"] ?? ""
    let value = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    #expect(
      value?["cluster"] as? [String: [String]] == [
        "chief": ["10.89.7.10:29500"], "worker": ["10.89.7.11:29500", "10.89.7.12:29500"],
        "ps": ["10.89.7.13:29500"],
      ])
    let task = value?["task"] as? [String: Any]
    #expect(task?["type"] as? String == "worker")
    #expect(task?["index"] as? Int == 1)
  }

  @Test func `on the host's network replicas have a port each`() throws {
    let json = try variables("command: x\nreplicas: 2", rank: 1, subnet: nil)["TF_CONFIG"]
    #expect(
      json
        == #"{"cluster": {"worker": ["127.0.0.1:29500", "127.0.0.1:29501"]}, "task": {"type": "worker", "index": 1}}"#)
  }

  @Test func `scripts of Slurm find their variables where the file asks for them`() throws {
    let found = try variables("command: x\nreplicas: 2\nslurm: true", rank: 1)
    #expect(found["SLURM_PROCID"] == "1")
    #expect(found["SLURM_NTASKS"] == "2")
    #expect(Int(found["SLURM_JOB_ID"] ?? "") != nil)
  }

  @Test func `addresses lie within their subnet`() {
    #expect(GroupMember.address(10, in: "10.89.0.0/24") == "10.89.0.10")
    #expect(GroupMember.address(209, in: "10.89.0.0/24") == "10.89.0.209")
    #expect(GroupMember.address(300, in: "10.89.0.0/24") == nil)
    #expect(GroupMember.address(300, in: "10.89.0.0/16") == "10.89.1.44")
    for bad in ["", "10.89.0.0", "10.89.0/24", "10.89.0.256/24", "10.89.0.0/0", "10.89.0.0/33", "fd00::/8"] {
      #expect(GroupMember.address(10, in: bad) == nil)
    }
  }

  // MARK: Verdicts

  @Test(arguments: testSeeds(20)) func `no group goes on once one of it has failed, nor ends before all have`(
    seed: UInt64
  ) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let ends = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        let state = JobState.allCases.randomElement(using: &random) ?? .queued
        return GroupVerdict.ReplicaEnd(
          state: state, endedAt: state.isTerminal ? .random(in: 0...9, using: &random) : nil)
      }
      let areOver = ends.allSatisfy { $0.state.isTerminal }
      let hasBad = ends.contains { $0.state.isTerminal && $0.state != .succeeded }
      for success in ReplicaGroup.Success.allCases {
        let verdict = GroupVerdict.decide(ends, success: success, isStopping: false)
        switch verdict {
        case .wait: #expect(!hasBad && !(areOver && success == .all))
        case .stop: #expect(!areOver)
        case .succeeded, .failed, .stopped: #expect(areOver)
        }
        if case .failed(let rank) = verdict { #expect(ends[rank].state != .succeeded && ends[rank].state != .stopped) }
        let stopping = GroupVerdict.decide(ends, success: success, isStopping: true)
        #expect(stopping == (areOver ? .stopped : .stop))
      }
    }
  }

  @Test func `the first that failed is named, not those that were stopped because of it`() {
    let ends: [GroupVerdict.ReplicaEnd] = [
      .init(state: .stopped, endedAt: 7), .init(state: .failed, endedAt: 5), .init(state: .failed, endedAt: 6),
    ]
    #expect(GroupVerdict.decide(ends, success: .all, isStopping: false) == .failed(rank: 1))
    #expect(GroupVerdict.decide(ends, success: .first, isStopping: false) == .failed(rank: 1))
  }

  @Test func `what only waits is stopped when the first has succeeded`() {
    let ends: [GroupVerdict.ReplicaEnd] = [.init(state: .succeeded, endedAt: 5), .init(state: .running, endedAt: nil)]
    #expect(GroupVerdict.decide(ends, success: .first, isStopping: false) == .stop)
    #expect(GroupVerdict.decide(ends, success: .all, isStopping: false) == .wait)
    let after: [GroupVerdict.ReplicaEnd] = [.init(state: .succeeded, endedAt: 5), .init(state: .stopped, endedAt: 6)]
    #expect(GroupVerdict.decide(after, success: .first, isStopping: false) == .succeeded)
  }
}
