import Glibc
import TestSupport
import Testing

@testable import FileSystem

/// Histories, each with several power cuts. A soak sets CAIRN_POWER_CUTS.
private let histories = getenv("CAIRN_POWER_CUTS").flatMap { Int(String(cString: $0)) } ?? 60

@Suite struct PowerCutTests {
  @Test(arguments: testSeeds(histories))
  func `after a power cut the store is in a state that it had, with all that was synced`(seed: UInt64) throws {
    let run = try ModelRun(seed: seed, cachedInodes: 50, store: .simulated(SimulatedDisk()))
    do {
      for _ in 0..<4 {
        try runUntilPowerCut(run)
        try run.powerCut(keeping: [0, 0.5, 0.9, 1][run.random(4)])
      }
      run.close()
    } catch is ModelRun.UnknownState {
      run.close()
    } catch {
      Issue.record("\(run.explain(error, seed: seed))")
    }
  }

  private func runUntilPowerCut(_ run: ModelRun) throws {
    guard case .simulated(let disk, _) = run.store else { return }
    disk.crash(at: disk.calls + 1 + run.random(300))
    do {
      for _ in 0..<60 where !disk.isDead { try run.stepBeforePowerCut() }
    } catch {
      if !disk.isDead { throw error }
    }
    disk.cutOff()
  }
}
