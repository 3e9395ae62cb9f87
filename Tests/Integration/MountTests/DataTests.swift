import Glibc
import Linux
import MountCalls
import Testing

@Suite("Content of files", .timeLimit(.minutes(2)))
struct DataTests {
  @Test(arguments: [1, 4095, 4096, 65_537, 1_048_576, 5_000_003])
  func whatIsWrittenIsRead(size: Int) throws {
    try withMount { store in
      let content = noise(size, seed: UInt64(size))
      try writeFile(store.path("a"), content)
      try #expect(readFile(store.path("a")) == content)
      // Without the kernel's cache the answer is the file system's own.
      try withFile(store.path("a"), O_RDONLY) { descriptor in
        #expect(fsync(descriptor) == 0)
        #expect(posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
        try #expect(readRange(descriptor, at: 0, count: size + 1) == content)
        try #expect(readRange(descriptor, at: size, count: 1) == [])
      }
    }
  }

  @Test func writesInTheMiddleAndBeyondTheEndLandWhereTheyBelong() throws {
    try withMount { store in
      var model = noise(200_000)
      try writeFile(store.path("a"), model)
      try withFile(store.path("a")) { descriptor in
        for (offset, count, seed) in [(0, 10, 2), (99_990, 70_000, 3), (199_999, 2, 4), (300_000, 1000, 5)] {
          let piece = noise(count, seed: UInt64(seed))
          if model.count < offset + count {
            model += [UInt8](repeating: 0, count: offset + count - model.count)
          }
          model.replaceSubrange(offset..<offset + count, with: piece)
          try writeAll(descriptor, piece, at: offset)
        }
        #expect(posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
        try #expect(readRange(descriptor, at: 0, count: 400_000) == model)
      }
    }
  }

  @Test func appendersDoNotOverwriteEachOther() throws {
    try withMount { store in
      let path = store.path("log")
      let writers = (0..<4).map { number in
        WorkerThread(name: "append-\(number)") {
          let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
          let line = [UInt8](repeating: UInt8(ascii: "a") + UInt8(number), count: 99) + [10]
          for _ in 0..<50 { _ = write(descriptor, line, line.count) }
          close(descriptor)
        }
      }
      for writer in writers { writer.join() }
      let lines = try text(path).split(separator: "\n")
      #expect(lines.count == 200)
      #expect(lines.allSatisfy { line in line.count == 99 && line.allSatisfy { $0 == line.first } })
    }
  }

  @Test func directIOReadsAndWritesThroughTheSameFile() throws {
    try withMount { store in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8192, alignment: 4096)
      defer { buffer.deallocate() }
      buffer.copyBytes(from: noise(8192))
      try withFile(store.path("a"), O_RDWR | O_CREAT | Int32(CALL_O_DIRECT)) { descriptor in
        #expect(pwrite(descriptor, buffer.baseAddress!, 8192, 4096) == 8192)
        let cached = try readFile(store.path("a"))
        #expect(cached.count == 12_288)
        #expect(Array(cached[4096...]) == noise(8192))
        try withFile(store.path("a"), O_WRONLY) { try writeAll($0, Array("cached".utf8), at: 4096) }
        #expect(pread(descriptor, buffer.baseAddress!, 4096, 4096) == 4096)
        #expect(Array(buffer[..<6]) == Array("cached".utf8))
      }
    }
  }

  @Test func whatAsynchronousDirectIOWroteIsSeenThroughThePageCache() throws {
    try withMount { store in
      let count = 64 << 10
      let path = store.path("a")
      try writeFile(path, [UInt8](repeating: 0, count: count))
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
      defer { buffer.deallocate() }
      // Somebody who brings the file into the page cache again and again.
      let reading = Monitor(true)
      let reader = WorkerThread(name: "reader") {
        while reading.withLock({ $0 }) { _ = try? readFile(path) }
      }
      defer {
        reading.withLock { $0 = false }
        reader.join()
      }
      try withFile(path, O_RDWR | Int32(CALL_O_DIRECT)) { descriptor in
        for round in 1...100 {
          memset(buffer.baseAddress!, Int32(round), count)
          #expect(call_asynchronous_write(descriptor, buffer.baseAddress!, count, 0) == count)
          let seen = try readFile(path)
          let isSame = seen == [UInt8](repeating: UInt8(round), count: count)
          #expect(isSame, "in round \(round)")
        }
      }
    }
  }

  @Test func truncationCutsAndExtendsWithZeros() throws {
    try withMount { store in
      let content = noise(150_000)
      try writeFile(store.path("a"), content)
      #expect(truncate(store.path("a"), 70_001) == 0)
      #expect(truncate(store.path("a"), 100_000) == 0)
      let expected = Array(content[..<70_001]) + [UInt8](repeating: 0, count: 29_999)
      try #expect(readFile(store.path("a")) == expected)
      try withFile(store.path("a"), O_WRONLY | O_TRUNC) { try #expect(status($0).st_size == 0) }
      try #expect(readFile(store.path("a")) == [])
    }
  }

  @Test func synchronizationSucceedsOnFilesAndDirectories() throws {
    try withMount { store in
      try withFile(store.path("a"), O_RDWR | O_CREAT | O_SYNC) { descriptor in
        try writeAll(descriptor, noise(10_000), at: 0)
        #expect(fsync(descriptor) == 0)
        #expect(fdatasync(descriptor) == 0)
      }
      try withFile(store.root, O_RDONLY) { #expect(fsync($0) == 0) }
    }
  }

  @Test func copyingARangeSharesContent() throws {
    try withMount { store in
      let content = noise(3_000_000)
      try writeFile(store.path("a"), content)
      try withFile(store.path("a"), O_RDONLY) { source in
        try withFile(store.path("b")) { destination in
          #expect(call_copy_file_range(source, 1000, destination, 500, 2_000_000) == 2_000_000)
          #expect(call_copy_file_range(source, 2_999_000, destination, 2_000_500, 5000) == 1000)
          #expect(call_copy_file_range(source, 3_000_000, destination, 0, 10) == 0)
          let expected = [UInt8](repeating: 0, count: 500) + content[1000..<2_001_000] + content[2_999_000...]
          try #expect(readRange(destination, at: 0, count: 4_000_000) == expected)
        }
      }
      try shell("cp \(store.path("a")) \(store.path("c")) && cmp \(store.path("a")) \(store.path("c"))")
    }
  }

  @Test func mappedFilesShareTheirPagesWithReadsAndWrites() throws {
    try withMount { store in
      try writeFile(store.path("a"), noise(16_384))
      try withFile(store.path("a"), O_RDWR) { descriptor in
        let map = try #require(mmap(nil, 16_384, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0))
        #expect(map != MAP_FAILED)
        #expect(Array(UnsafeRawBufferPointer(start: map, count: 16_384)) == noise(16_384))
        map.storeBytes(of: 0x4141_4141, toByteOffset: 5000, as: UInt32.self)
        try #expect(readRange(descriptor, at: 5000, count: 4) == [0x41, 0x41, 0x41, 0x41])
        try writeAll(descriptor, [0x42], at: 9000)
        #expect(map.load(fromByteOffset: 9000, as: UInt8.self) == 0x42)
        #expect(msync(map, 16_384, MS_SYNC) == 0)
        #expect(munmap(map, 16_384) == 0)
        #expect(posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
        try #expect(readRange(descriptor, at: 5000, count: 4) == [0x41, 0x41, 0x41, 0x41])
      }
    }
  }
}
