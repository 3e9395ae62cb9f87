import Glibc
import TestSupport
import Testing

@testable import FileSystem

/// Steps of each run. A soak sets CAIRN_MODEL_STEPS and runs for as long as it takes.
private let steps = getenv("CAIRN_MODEL_STEPS").flatMap { Int(String(cString: $0)) } ?? 400

@Suite struct ModelTests {
  @Test(arguments: testSeeds(3))
  func `random operations answer what the model answers`(seed: UInt64) throws {
    try run(seed, cachedInodes: 200_000, .simulated(SimulatedDisk()))
  }

  @Test(arguments: testSeeds(3))
  func `random operations answer what the model answers when hardly anything is kept in memory`(seed: UInt64) throws {
    try run(seed, cachedInodes: 10, .simulated(SimulatedDisk()))
  }

  @Test(arguments: testSeeds(2))
  func `random operations answer what the model answers on a real disk`(seed: UInt64) throws {
    try run(seed, cachedInodes: 50, .local(TemporaryDirectory()))
  }

  private func run(_ seed: UInt64, cachedInodes: Int, _ store: RunStore) throws {
    let run = try ModelRun(seed: seed, cachedInodes: cachedInodes, store: store)
    do {
      for _ in 0..<steps { try run.step() }
      try run.compareAll()
      try run.kill(isTakeover: false)
      try run.reopen()
      run.close()
    } catch {
      Issue.record("\(run.explain(error, seed: seed))")
    }
  }
}
