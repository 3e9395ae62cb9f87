import Glibc

private let smallFileBytes = 10 * 1024
private let filesPerDirectory = 100

private func smallFile(_ place: Place, _ round: Int, _ index: Int) -> String {
  "\(place.directory)/\(round)/small/\(index / filesPerDirectory)/\(index)"
}

/// The files opened, read to the end and closed.
private func readSmallFiles(_ place: Place, _ round: Int, _ indices: some Sequence<Int>) {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 4096)
  defer { buffer.deallocate() }
  for index in indices {
    let descriptor = openFile(smallFile(place, round, index), O_RDONLY)
    guard readToEnd(descriptor, buffer) == smallFileBytes else {
      fail(expecting: "small files of \(smallFileBytes) bytes")
    }
    closeFile(descriptor)
  }
}

func smallFiles(_ scale: Scale) -> [Workload] {
  let count = scale.files
  let passes = scale.passes
  let readers = 8
  func readAll(_ place: Place, _ round: Int) -> Double {
    readSmallFiles(place, round, 0..<count)
    return Double(count)
  }
  let readMany: @Sendable (Place, Int) -> Double = { place, round in
    inThreads(readers) { readSmallFiles(place, round, stride(from: $0, to: count, by: readers)) }
    return Double(count)
  }
  func walkAll(_ place: Place, _ round: Int) -> Double { Double(walk("\(place.directory)/\(round)/small")) }
  /// `body`, so often that it takes more than a few milliseconds.
  func repeated(_ body: @escaping (Place, Int) -> Double) -> (Place, Int) -> Double {
    { place, round in (0..<passes).reduce(0) { sum, _ in sum + body(place, round) } }
  }

  return [
    Workload(name: "create files of 10 KiB", unit: .operations, goal: .rate(0.6)) { place, round in
      var content = Content(count: smallFileBytes, stream: UInt64(round))
      defer { content.free() }
      makeDirectory("\(place.directory)/\(round)/small")
      for index in 0..<count {
        if index % filesPerDirectory == 0 {
          makeDirectory("\(place.directory)/\(round)/small/\(index / filesPerDirectory)")
        }
        let descriptor = openFile(smallFile(place, round, index), O_WRONLY | O_CREAT | O_EXCL)
        writeAll(descriptor, content.advance())
        closeFile(descriptor)
      }
      return Double(count)
    },
    Workload(
      name: "stat, warm", unit: .operations, goal: .rate(0.9), caches: .warm,
      body: repeated { place, round in
        var attributes = stat()
        for index in 0..<count {
          guard stat(smallFile(place, round, index), &attributes) == 0 else { fail("stat") }
        }
        return Double(count)
      }),
    Workload(name: "walk with attributes, cold", unit: .operations, caches: .cold, body: walkAll),
    Workload(
      name: "walk with attributes, warm", unit: .operations, goal: .rate(0.9), caches: .warm, body: repeated(walkAll)),
    Workload(name: "read files of 10 KiB in order, cold", unit: .operations, caches: .cold, body: readAll),
    Workload(
      name: "read files of 10 KiB in random order, cold", unit: .operations, goal: .rate(1.5), caches: .cold
    ) { place, round in
      var generator = SplitMix64(state: UInt64(round))
      readSmallFiles(place, round, (0..<count).shuffled(using: &generator))
      return Double(count)
    },
    Workload(
      name: "read files of 10 KiB, warm", unit: .operations, goal: .rate(0.9), caches: .warm, body: repeated(readAll)),
    Workload(
      name: "read files of 10 KiB, cold, 8 threads", unit: .operations, caches: .cold, body: readMany),
    Workload(
      name: "read files of 10 KiB, warm, 8 threads", unit: .operations, goal: .rate(0.9), caches: .warm,
      body: repeated(readMany)),
  ]
}

func removal(_ scale: Scale) -> [Workload] {
  [
    Workload(name: "rename", unit: .operations, goal: .rate(0.5)) { place, round in
      for index in 0..<scale.files {
        let path = smallFile(place, round, index)
        guard rename(path, path + ".renamed") == 0 else { fail("rename \(path)") }
      }
      return Double(scale.files)
    },
    Workload(name: "unlink", unit: .operations, goal: .rate(1)) { place, round in
      for index in 0..<scale.files {
        guard unlink(smallFile(place, round, index) + ".renamed") == 0 else { fail("unlink") }
      }
      return Double(scale.files)
    },
  ]
}
