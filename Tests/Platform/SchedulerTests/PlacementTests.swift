import JobStates
import Testing

@testable import Scheduler

struct PlacementTests {
  /// Two halves of four GPUs, each of two pairs: a usual server.
  private static let server: [[Int]] = (0..<8).map { a in
    (0..<8).map { b in a / 2 == b / 2 ? 10 : a / 4 == b / 4 ? 5 : 1 }
  }

  private func choose(_ count: Int, free: Set<Int>) -> Set<Int>? {
    Islands(count: 8, closeness: Self.server).choose(count, free: free.contains).map { Set($0) }
  }

  @Test func `GPUs of a job are as close together as can be`() {
    #expect(choose(2, free: [0, 2, 3, 5]) == [2, 3])
    #expect(choose(4, free: [0, 1, 2, 4, 5, 6, 7]) == [4, 5, 6, 7])
    #expect(choose(3, free: [0, 2, 3, 4, 7]) == [0, 2, 3])
    #expect(choose(8, free: Set(0..<8)) == Set(0..<8))
    #expect(choose(5, free: [0, 1, 2, 3]) == nil)
    #expect(choose(0, free: []) == [])
  }

  @Test func `a small job takes from what is broken already`() {
    #expect(choose(1, free: [0, 1, 2, 3, 5, 6, 7]) == [5])
    #expect(choose(1, free: [0, 1, 3, 4, 5, 6, 7]) == [3])
    #expect(choose(2, free: [0, 1, 2, 4, 5, 6, 7]) == [0, 1])
  }

  @Test func `a job that fits in no island is spread over the fewest`() {
    #expect(choose(5, free: [0, 1, 2, 4, 5, 6, 7]) == [2, 4, 5, 6, 7])
  }

  @Test func `whatever is free, so many of the free are chosen, and in one island where one has so many`() {
    for free in 0..<256 {
      let free = Set((0..<8).filter { free & (1 << $0) != 0 })
      for count in 0...8 {
        guard let chosen = choose(count, free: free) else {
          #expect(free.count < count)
          continue
        }
        #expect(chosen.count == count && chosen.isSubset(of: free))
        for size in [2, 4] where count <= size {
          let holds = stride(from: 0, to: 8, by: size).contains { start in
            free.count { (start..<start + size).contains($0) } >= count
          }
          if holds { #expect(Set(chosen.map { $0 / size }).count <= 1, "\(count) of \(free): \(chosen)") }
        }
      }
    }
  }

  @Test func `shards fill a GPU before the next is divided, and no whole GPU is taken from a job`() {
    let host = Host(gpus: [HostGPU(uuid: "A"), HostGPU(uuid: "B")], milliCPUs: 8000, memoryBytes: 0)
    var pool = Pool(host)
    let need = ResourceNeed(gpus: .share(GPUShare(shards: 1, of: 2)!), milliCPUs: 0)
    var seen: [[DeviceSlot]] = []
    while let places = pool.place([need]) {
      seen.append(places[0])
      pool.take(need, places[0])
    }
    #expect(
      seen == [("A", 0), ("A", 1), ("B", 0), ("B", 1)].map { [DeviceSlot(device: $0.0, shard: $0.1, shards: 2)] })
    let whole = ResourceNeed(gpus: .whole(1), milliCPUs: 0)
    #expect(pool.place([whole]) == nil)
    pool.give(need, seen[2])
    #expect(pool.place([whole]) == nil)
    // Shards of another size are no room.
    #expect(pool.place([ResourceNeed(gpus: .share(GPUShare(shards: 1, of: 4)!))]) == nil)
    pool.give(need, seen[3])
    #expect(pool.place([whole]) == [[DeviceSlot(device: "B")]])
  }

  @Test func `a GPU with MIG instances is handed out by instance`() {
    let divided = HostGPU(
      uuid: "A",
      instances: [
        MIGInstance(uuid: "MIG-1", profile: "1g.5gb"), MIGInstance(uuid: "MIG-2", profile: "3g.20gb"),
        MIGInstance(uuid: "MIG-3", profile: "1g.5gb"),
      ])
    var pool = Pool(Host(gpus: [divided], milliCPUs: 8000, memoryBytes: 0))
    #expect(pool.place([ResourceNeed(gpus: .whole(1))]) == nil)
    let need = ResourceNeed(gpus: .instance(profile: "1g.5gb"), milliCPUs: 0)
    for instance in ["MIG-1", "MIG-3"] {
      #expect(pool.place([need]) == [[DeviceSlot(device: instance)]])
      pool.take(need, [DeviceSlot(device: instance)])
    }
    #expect(pool.place([need]) == nil)
    #expect(pool.place([ResourceNeed(gpus: .instance(profile: "3g.20gb"))]) == [[DeviceSlot(device: "MIG-2")]])
  }

  @Test(arguments: ["0/4", "5/4", "1/65", "1", "/", "1/", "+1/4", "1/4/4", "a/b", ""])
  func `what is no share of a GPU is refused`(text: String) {
    #expect(GPUShare(text) == nil)
  }
}
