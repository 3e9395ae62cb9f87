import Glibc
import TestSupport
import Testing

@testable import FileSystem

/// Steps of each run. A soak sets CAIRN_MODEL_STEPS and runs for as long as it takes.
private let steps = getenv("CAIRN_MODEL_STEPS").flatMap { Int(String(cString: $0)) } ?? 400

@Suite struct ModelTests {
  @Test(arguments: testSeeds(8))
  func `random operations answer what the model answers`(seed: UInt64) throws {
    try run(seed, cachedInodes: 200_000)
  }

  @Test(arguments: testSeeds(8))
  func `random operations answer what the model answers when hardly anything is kept in memory`(seed: UInt64) throws {
    try run(seed, cachedInodes: 10)
  }

  private func run(_ seed: UInt64, cachedInodes: Int) throws {
    let run = try ModelRun(seed: seed, cachedInodes: cachedInodes)
    do {
      for _ in 0..<steps { try run.step() }
      try run.compareAll()
      try run.kill(isTakeover: false)
      try run.reopen()
      run.close()
    } catch {
      Issue.record(
        "seed \(seed): \(error)\nafter \(run.log.count) lines, the last of them:\n\(run.log.suffix(60).joined(separator: "\n"))"
      )
    }
  }
}
