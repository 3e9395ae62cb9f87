import JobStates
import Scheduler
import TestSupport
import Testing

/// Traces of what people might submit. Each test prints the seed that makes its trace.
struct SimulationTests {
  private static let host = Host(
    gpus: (0..<8).map { HostGPU(uuid: "GPU-\($0)") },
    closeness: (0..<8).map { a in (0..<8).map { b in a / 4 == b / 4 ? 2 : 1 } }, milliCPUs: 64_000,
    memoryBytes: 256 << 30)

  private func run(_ trace: [TraceJob], keepsOrder: Bool, seed: UInt64) throws -> Simulation {
    var simulation = Simulation(host: Self.host, trace: trace, keepsOrder: keepsOrder)
    do {
      try simulation.run()
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
    let waits = simulation.waits.sorted()
    print(
      "seed \(seed): \(trace.count) jobs, \(simulation.backfilled) out of their order,",
      "\(simulation.preemptions) preempted, longest queue \(simulation.longestQueue),",
      "waited \(waits[waits.count / 2] / second) s (median) and \(waits.last! / second) s (longest),",
      "GPUs \(Int(100 * simulation.used / simulation.offered)) % in use")
    return simulation
  }

  @Test func `of 10,000 jobs none starves, none has what another holds, and nothing idles that could be used`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var maker = TraceMaker(
      random: SeededGenerator(seed: seed), projects: 5, priorities: [.interactive, .normal, .normal, .preemptible])
    let trace = maker.jobs(10_000, load: 0.75)
    let simulation = try run(trace, keepsOrder: false, seed: seed)
    #expect(simulation.finished == trace.count)
    #expect(simulation.preemptions > 0 && simulation.backfilled > 0)
  }

  @Test(arguments: 0..<10)
  func `whoever is first in the queue starts when it was promised, or sooner`(_: Int) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var maker = TraceMaker(random: SeededGenerator(seed: seed))
    let trace = maker.jobs(400, load: 1.2)
    let simulation = try run(trace, keepsOrder: true, seed: seed)
    #expect(simulation.finished == trace.count)
  }
}
