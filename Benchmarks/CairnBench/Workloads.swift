import Glibc

/// How much is done; `quick` keeps a whole run near a minute.
struct Scale {
  var files = 10_000
  var largeMebibytes = 512
  var randomReads = 4_000
  var synchronousWrites = 500

  static let full = Scale()
  static let quick = Scale(files: 2_000, largeMebibytes: 64, randomReads: 500, synchronousWrites: 100)
}

/// One of the two places that are compared, and what it takes to forget what was cached of it.
struct Place {
  let name: String
  let directory: String
  /// Run before each cold measurement, to remount; nil where dropping the kernel's caches is enough.
  let remountCommand: String?

  func forgetCaches() {
    sync()
    if let remountCommand { run("sh", "-c", remountCommand) }
    let descriptor = openFile("/proc/sys/vm/drop_caches", O_WRONLY)
    guard write(descriptor, "3", 1) == 1 else { fail("drop the caches") }
    closeFile(descriptor)
  }
}

/// One line of the table. `body` does the work in a place and returns how much that was; the driver takes the time.
struct Workload {
  enum Unit: String {
    case operations = "/s"
    case mebibytes = "MiB/s"
    /// The whole is one piece of work, and the table shows how long it took.
    case seconds = "s"
  }

  enum Caches {
    /// As the workload before left them.
    case untouched
    /// Forgotten, the daemon's own too.
    case cold
    /// Filled by doing the work once before it is timed. Needed because making one place cold drops the kernel's
    /// caches of both.
    case warm
  }

  let name: String
  let unit: Unit
  var caches = Caches.untouched
  let body: (Place, _ round: Int) -> Double
}

/// In the order in which they are run: later ones work on what earlier ones made.
func workloads(scale: Scale, archive: String?) -> [Workload] {
  smallFiles(scale) + largeFiles(scale) + (archive.map(tree) ?? []) + removal(scale)
}

private let smallFileBytes = 10 * 1024
private let filesPerDirectory = 100

private func smallFile(_ place: Place, _ round: Int, _ index: Int) -> String {
  "\(place.directory)/\(round)/small/\(index / filesPerDirectory)/\(index)"
}

/// The files from `first` on, each `step`th, opened, read to the end and closed.
private func readSmallFiles(_ place: Place, _ round: Int, count: Int, first: Int = 0, step: Int = 1) {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 4096)
  defer { buffer.deallocate() }
  for index in stride(from: first, to: count, by: step) {
    let descriptor = openFile(smallFile(place, round, index), O_RDONLY)
    guard readToEnd(descriptor, buffer) == smallFileBytes else {
      fail(expecting: "small files of \(smallFileBytes) bytes")
    }
    closeFile(descriptor)
  }
}

private func smallFiles(_ scale: Scale) -> [Workload] {
  let count = scale.files
  let readers = 8
  let statAll: @Sendable (Place, Int) -> Double = { place, round in
    var attributes = stat()
    for index in 0..<count {
      guard stat(smallFile(place, round, index), &attributes) == 0 else { fail("stat") }
    }
    return Double(count)
  }
  let readOne: @Sendable (Place, Int) -> Double = { place, round in
    readSmallFiles(place, round, count: count)
    return Double(count)
  }
  let readMany: @Sendable (Place, Int) -> Double = { place, round in
    inThreads(readers) { readSmallFiles(place, round, count: count, first: $0, step: readers) }
    return Double(count)
  }
  let walkAll: @Sendable (Place, Int) -> Double = { place, round in
    Double(walk("\(place.directory)/\(round)/small"))
  }
  return [
    Workload(name: "create files of 10 KiB", unit: .operations) { place, round in
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
    Workload(name: "stat, warm", unit: .operations, caches: .warm, body: statAll),
    Workload(name: "walk with attributes, cold", unit: .operations, caches: .cold, body: walkAll),
    Workload(name: "walk with attributes, warm", unit: .operations, caches: .warm, body: walkAll),
    Workload(name: "read files of 10 KiB, cold", unit: .operations, caches: .cold, body: readOne),
    Workload(name: "read files of 10 KiB, warm", unit: .operations, caches: .warm, body: readOne),
    Workload(name: "read files of 10 KiB, cold, 8 threads", unit: .operations, caches: .cold, body: readMany),
    Workload(name: "read files of 10 KiB, warm, 8 threads", unit: .operations, caches: .warm, body: readMany),
  ]
}

private let mebibyte = 1 << 20
private let page = 4096

private func largeFile(_ place: Place, _ round: Int, _ name: String = "large") -> String {
  "\(place.directory)/\(round)/\(name)"
}

private func largeFiles(_ scale: Scale) -> [Workload] {
  let size = scale.largeMebibytes * mebibyte
  func writeLarge(_ path: String, _ round: Int) -> Double {
    var content = Content(count: mebibyte, stream: UInt64(1_000 + round))
    defer { content.free() }
    let descriptor = openFile(path, O_WRONLY | O_CREAT | O_EXCL)
    for _ in 0..<scale.largeMebibytes { writeAll(descriptor, content.advance()) }
    syncFile(descriptor)
    closeFile(descriptor)
    return Double(scale.largeMebibytes)
  }
  func readLarge(_ place: Place, _ round: Int) -> Double {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: mebibyte, alignment: 4096)
    defer { buffer.deallocate() }
    let descriptor = openFile(largeFile(place, round), O_RDONLY)
    guard readToEnd(descriptor, buffer) == size else { fail(expecting: "a large file of \(size) bytes") }
    closeFile(descriptor)
    return Double(scale.largeMebibytes)
  }
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
    return (0..<count).map { _ in Int.random(in: 0..<size / page, using: &generator) * page }
  }

  return [
    Workload(name: "write new data, fsync", unit: .mebibytes) { writeLarge(largeFile($0, $1), $1) },
    Workload(name: "write the same data again, fsync", unit: .mebibytes) {
      writeLarge(largeFile($0, $1, "again"), $1)
    },
    Workload(name: "read in sequence, cold", unit: .mebibytes, caches: .cold, body: readLarge),
    Workload(name: "read in sequence, warm", unit: .mebibytes, caches: .warm, body: readLarge),
    Workload(name: "read 4 KiB at random, cold", unit: .operations, caches: .cold) { place, round in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: page, alignment: 4096)
      defer { buffer.deallocate() }
      let descriptor = openFile(largeFile(place, round), O_RDONLY)
      for offset in randomOffsets(scale.randomReads, round) {
        guard pread(descriptor, buffer.baseAddress, page, offset) == page else { fail("pread") }
      }
      closeFile(descriptor)
      return Double(scale.randomReads)
    },
    Workload(name: "overwrite 4 KiB at random, fsync", unit: .operations) { place, round in
      let offsets = randomOffsets(scale.synchronousWrites, 100 + round)
      return writePages(largeFile(place, round), 0, stream: 2_000 + round) { offsets[$0] }
    },
    Workload(name: "append 4 KiB, fsync", unit: .operations) { place, round in
      writePages(largeFile(place, round, "log"), O_CREAT, stream: 3_000 + round) { $0 * page }
    },
    Workload(name: "cp of the large file", unit: .mebibytes) { place, round in
      run("cp", largeFile(place, round, "again"), largeFile(place, round, "copy"))
      return Double(scale.largeMebibytes)
    },
  ]
}

private func tree(_ archive: String) -> [Workload] {
  [
    Workload(name: "untar a source tree, sync", unit: .seconds) { place, round in
      let directory = "\(place.directory)/\(round)/tree"
      makeDirectory(directory)
      run("tar", "--extract", "--file", archive, "--directory", directory)
      run("sync", "--file-system", directory)
      return 1
    },
    Workload(name: "rm -r of the source tree", unit: .seconds) { place, round in
      run("rm", "-r", "\(place.directory)/\(round)/tree")
      return 1
    },
  ]
}

private func removal(_ scale: Scale) -> [Workload] {
  [
    Workload(name: "rename", unit: .operations) { place, round in
      for index in 0..<scale.files {
        let path = smallFile(place, round, index)
        guard rename(path, path + ".renamed") == 0 else { fail("rename \(path)") }
      }
      return Double(scale.files)
    },
    Workload(name: "unlink", unit: .operations) { place, round in
      for index in 0..<scale.files {
        guard unlink(smallFile(place, round, index) + ".renamed") == 0 else { fail("unlink") }
      }
      return Double(scale.files)
    },
  ]
}
