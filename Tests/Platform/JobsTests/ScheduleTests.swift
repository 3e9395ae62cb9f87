import Testing

@testable import Jobs

struct ScheduleTests {
  private func need(_ cpus: Double, gpus: Int = 0, memory: UInt64 = 0) -> Resources {
    Resources(gpus: gpus, cpus: cpus, memoryBytes: memory)
  }

  @Test func `jobs start in order as long as they fit`() {
    #expect(schedule(queue: [need(1), need(1), need(1)], free: need(2)) == [0, 1])
    #expect(schedule(queue: [], free: need(2)) == [])
  }

  @Test func `what a large job waits for is kept for it`() {
    #expect(schedule(queue: [need(4), need(1)], free: need(3)) == [])
  }

  @Test func `a job that wants no GPU passes one that waits for GPUs`() {
    let queue = [need(1, gpus: 2), need(1), need(1, gpus: 1)]
    #expect(schedule(queue: queue, free: need(4, gpus: 1)) == [1])
  }

  @Test func `memory is kept too`() {
    let queue = [need(1, memory: 8), need(1, memory: 4), need(1)]
    #expect(schedule(queue: queue, free: need(4, memory: 10)) == [0, 2])
  }

  @Test func `together the jobs that start never need more than is free`() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<1000 {
      let free = need(Double.random(in: 0...8), gpus: .random(in: 0...4), memory: .random(in: 0...100))
      let queue = (0..<Int.random(in: 0...10)).map { _ in
        need(Double.random(in: 0...4), gpus: .random(in: 0...2), memory: .random(in: 0...50, using: &random))
      }
      let starts = schedule(queue: queue, free: free)
      #expect(starts.reduce(0) { $0 + queue[$1].gpus } <= free.gpus)
      #expect(starts.reduce(0) { $0 + queue[$1].memoryBytes } <= free.memoryBytes)
      #expect(starts.reduce(0) { $0 + queue[$1].cpus } <= free.cpus + 1e-9)
      // The first starts whenever it fits.
      if let first = queue.first { #expect(starts.contains(0) == free.holds(first)) }
    }
  }
}
