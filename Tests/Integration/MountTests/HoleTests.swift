import CLinux
import Glibc
import MountCalls
import Testing

@Suite("Holes and allocation", .timeLimit(.minutes(1)))
struct HoleTests {
  private static let megabyte = 1 << 20

  private func allocate(_ descriptor: Int32, _ mode: Int, _ offset: Int, _ length: Int) -> Int32 {
    errorCode { cairn_fallocate(descriptor, Int32(mode), off_t(offset), off_t(length)) }
  }

  @Test func aSparseFileOfFourGibibytesTakesNoSpace() throws {
    try withMount { store in
      try withFile(store.path("a")) { descriptor in
        let end = 4 << 30
        #expect(ftruncate(descriptor, off_t(end)) == 0)
        try writeAll(descriptor, [1], at: 3 << 30)
        try #expect(status(descriptor).st_size == off_t(end))
        try #expect(status(descriptor).st_blocks < 2048)
        try #expect(readRange(descriptor, at: (3 << 30) - 2, count: 5) == [0, 0, 1, 0, 0])
        let data = lseek(descriptor, 0, Int32(CALL_SEEK_DATA))
        #expect(data > (3 << 30) - HoleTests.megabyte && data <= 3 << 30)
      }
    }
  }

  @Test func seekingFindsDataAndHoles() throws {
    try withMount { store in
      try withFile(store.path("a")) { descriptor in
        try writeAll(descriptor, noise(HoleTests.megabyte), at: 4 * HoleTests.megabyte)
        #expect(ftruncate(descriptor, off_t(8 * HoleTests.megabyte)) == 0)
        #expect(lseek(descriptor, 0, Int32(CALL_SEEK_DATA)) == 4 * HoleTests.megabyte)
        #expect(lseek(descriptor, 0, Int32(CALL_SEEK_HOLE)) == 0)
        #expect(lseek(descriptor, off_t(4 * HoleTests.megabyte), Int32(CALL_SEEK_HOLE)) == 5 * HoleTests.megabyte)
        #expect(errorCode { lseek(descriptor, off_t(6 * HoleTests.megabyte), Int32(CALL_SEEK_DATA)) } == ENXIO)
        #expect(errorCode { lseek(descriptor, off_t(8 * HoleTests.megabyte), Int32(CALL_SEEK_HOLE)) } == ENXIO)
      }
    }
  }

  @Test func aPunchedRangeReadsAsZerosAndGivesItsSpaceBack() throws {
    try withMount { store in
      var model = noise(4 * HoleTests.megabyte)
      try withFile(store.path("a")) { descriptor in
        try writeAll(descriptor, model, at: 0)
        let before = try status(descriptor).st_blocks
        let range = 1_000_001..<3_000_001
        #expect(allocate(descriptor, CAIRN_FALLOC_PUNCH_HOLE, range.lowerBound, range.count) == EOPNOTSUPP)
        let mode = CAIRN_FALLOC_PUNCH_HOLE | CAIRN_FALLOC_KEEP_SIZE
        #expect(allocate(descriptor, mode, range.lowerBound, range.count) == 0)
        model.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
        try #expect(readRange(descriptor, at: 0, count: model.count) == model)
        try #expect(status(descriptor).st_blocks < before - 3000)
        try #expect(status(descriptor).st_size == off_t(model.count))
      }
    }
  }

  @Test func allocationExtendsUnlessItKeepsTheSize() throws {
    try withMount { store in
      try withFile(store.path("a")) { descriptor in
        #expect(allocate(descriptor, 0, 0, 100_000) == 0)
        try #expect(status(descriptor).st_size == 100_000)
        #expect(allocate(descriptor, CAIRN_FALLOC_KEEP_SIZE, 0, 200_000) == 0)
        try #expect(status(descriptor).st_size == 100_000)
        try #expect(readRange(descriptor, at: 0, count: 200_000) == [UInt8](repeating: 0, count: 100_000))
      }
    }
  }

  @Test func aZeroedRangeReadsAsZeros() throws {
    try withMount { store in
      try withFile(store.path("a")) { descriptor in
        try writeAll(descriptor, noise(100_000), at: 0)
        #expect(allocate(descriptor, CAIRN_FALLOC_ZERO_RANGE, 10_000, 20_000) == 0)
        try #expect(readRange(descriptor, at: 10_000, count: 20_000) == [UInt8](repeating: 0, count: 20_000))
        try #expect(readRange(descriptor, at: 30_000, count: 10) == Array(noise(100_000)[30_000..<30_010]))
        #expect(allocate(descriptor, CAIRN_FALLOC_ZERO_RANGE, 90_000, 20_000) == 0)
        try #expect(status(descriptor).st_size == 110_000)
        #expect(allocate(descriptor, CAIRN_FALLOC_ZERO_RANGE | CAIRN_FALLOC_KEEP_SIZE, 100_000, 50_000) == 0)
        try #expect(status(descriptor).st_size == 110_000)
      }
    }
  }
}
