import Foundation
import Testing

@testable import Searchers

/// A sweep that is under way while Cairn is upgraded goes on only if the new version's searchers would have decided the
/// same. Where this fails, raise ``Searcher/version`` and take over the new digests.
struct SearcherVersionTests {
  private static let digests = [
    "acad35d127393011", "a44328e0b217e12f", "b3b6dada90dd958f", "80b3a9c6c904e6e0", "96c24f67b9caa40d",
    "23abaec7e75e3adf",
    "77748b07e7245b8e", "fac50c278f72b8e1",
  ]

  @Test(arguments: SearcherTests.specifications.indices)
  func `searchers of this version decide as they always did`(index: Int) {
    #expect(Searcher.version == 1)
    let result = SweepSimulation(
      specification: SearcherTests.specifications[index], failureProbability: 0.02, slack: 3,
      value: { parameters, time in abs(log10(parameters.number("lr")) + 2) + 1 / Double(time) }
    ).run(seed: 1)
    #expect(Self.digest(result.decisions) == Self.digests[index])
  }

  /// FNV-1a of what was decided, with numbers as exactly as every C library computes them.
  private static func digest(_ decisions: [[SearchDecision]]) -> String {
    func text(_ value: ParameterValue) -> String {
      if case .number(let number) = value { String(format: "%.9g", number) } else { "\(value)" }
    }
    let lines = decisions.joined().map { decision in
      switch decision {
      case .create(let trial, let parameters, let origin):
        "create \(trial) \(parameters.map { "\($0.name)=\(text($0.value))" }) \(origin ?? -1)"
      case .suggest(let trial): "suggest \(trial)"
      case .stop(let trial, let reason): "stop \(trial) \(reason.rawValue)"
      case .close(let succeeded): "close \(succeeded)"
      }
    }
    let hash = lines.joined(separator: "\n").utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01B3
    }
    return String(hash, radix: 16)
  }
}
