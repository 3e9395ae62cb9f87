import Glibc

private let mebibyte = 1 << 20
private let page = 4096

private func largeFile(_ place: Place, _ round: Int, _ name: String = "large") -> String {
  "\(place.directory)/\(round)/\(name)"
}

private func writeLarge(_ path: String, _ mebibytes: Int, stream: Int) -> Double {
  var content = Content(count: mebibyte, stream: UInt64(stream))
  defer { content.free() }
  let descriptor = openFile(path, O_WRONLY | O_CREAT | O_EXCL)
  for _ in 0..<mebibytes { writeAll(descriptor, content.advance()) }
  syncFile(descriptor)
  closeFile(descriptor)
  return Double(mebibytes)
}

func largeFiles(_ scale: Scale) -> [Workload] {
  let size = scale.largeMebibytes
  func readLarge(_ place: Place, _ round: Int) -> Double {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: mebibyte, alignment: 4096)
    defer { buffer.deallocate() }
    let descriptor = openFile(largeFile(place, round), O_RDONLY)
    guard readToEnd(descriptor, buffer) == size * mebibyte else { fail(expecting: "a large file of \(size) MiB") }
    closeFile(descriptor)
    return Double(size)
  }
  return [
    Workload(name: "write new data, fsync", unit: .mebibytes, goal: .rate(0.8)) { place, round in
      writeLarge(largeFile(place, round), size, stream: 1_000 + round)
    },
    Workload(name: "write the same data again, fsync", unit: .mebibytes, goal: .rate(2)) { place, round in
      writeLarge(largeFile(place, round, "again"), size, stream: 1_000 + round)
    },
    Workload(name: "read in sequence, cold", unit: .mebibytes, goal: .rate(1), caches: .cold, body: readLarge),
    Workload(name: "read in sequence, warm", unit: .mebibytes, goal: .rate(0.95), caches: .warm, body: readLarge),
  ]
}

/// Work on single pages of the large file.
func pages(_ scale: Scale) -> [Workload] {
  let pageCount = scale.largeMebibytes * mebibyte / page
  /// `count` writes of one page, each at the offset given and made durable before the next.
  func writePages(_ path: String, _ flags: Int32, stream: Int, offset: (Int) -> Int) -> Double {
    var content = Content(count: page, stream: UInt64(stream))
    defer { content.free() }
    let descriptor = openFile(path, O_WRONLY | flags)
    for index in 0..<scale.synchronousWrites {
      writeAt(descriptor, content.advance(), offset(index))
      syncFile(descriptor)
    }
    closeFile(descriptor)
    return Double(scale.synchronousWrites)
  }
  func randomOffsets(_ count: Int, _ round: Int) -> [Int] {
    var generator = SplitMix64(state: UInt64(round))
    return (0..<count).map { _ in Int.random(in: 0..<pageCount, using: &generator) * page }
  }
  return [
    Workload(
      name: "read 4 KiB at random, cold", unit: .operations, goal: .rate(0.8), caches: .cold
    ) { place, round in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: page, alignment: 4096)
      defer { buffer.deallocate() }
      let descriptor = openFile(largeFile(place, round), O_RDONLY)
      for offset in randomOffsets(scale.randomReads, round) {
        guard pread(descriptor, buffer.baseAddress, page, offset) == page else { fail("pread") }
      }
      closeFile(descriptor)
      return Double(scale.randomReads)
    },
    Workload(name: "overwrite 4 KiB at random, fsync", unit: .operations, goal: .rate(0.6)) { place, round in
      let offsets = randomOffsets(scale.synchronousWrites, 100 + round)
      return writePages(largeFile(place, round), 0, stream: 2_000 + round) { offsets[$0] }
    },
    Workload(name: "append 4 KiB, fsync", unit: .operations, goal: .rate(0.9)) { place, round in
      writePages(largeFile(place, round, "log"), O_CREAT, stream: 3_000 + round) { $0 * page }
    },
  ]
}

func copies(_ scale: Scale) -> [Workload] {
  let mebibytes = scale.copiedMebibytes
  let size = mebibytes % 1024 == 0 ? "\(mebibytes / 1024) GiB" : "\(mebibytes) MiB"
  func original(_ place: Place) -> String { "\(place.directory)/copied" }
  return [
    Workload(
      name: "cp of a file of \(size)", unit: .seconds, goal: .milliseconds(50),
      setUp: { place in _ = writeLarge(original(place), mebibytes, stream: 4_000) },
      tidyUp: { place, round in run("rm", largeFile(place, round, "copy")) }
    ) { place, round in
      run("cp", original(place), largeFile(place, round, "copy"))
      return 1
    }
  ]
}
