import TestSupport
import Testing

@testable import FileSystem

@Suite struct AccessControlListTests {
  /// user::rwx user:1000:r-x group::r-x mask::r-x other::---
  private let bytes: [UInt8] = [
    2, 0, 0, 0,
    1, 0, 7, 0, 255, 255, 255, 255,
    2, 0, 5, 0, 0xE8, 3, 0, 0,
    4, 0, 5, 0, 255, 255, 255, 255,
    0x10, 0, 5, 0, 255, 255, 255, 255,
    0x20, 0, 0, 0, 255, 255, 255, 255,
  ]

  @Test func `a list is written as it was read`() throws {
    let list = try #require(AccessControlList(bytes))
    #expect(list.bytes == bytes)
    #expect(list.entries.map(\.id) == [.max, 1000, .max, .max, .max])
    #expect(list.modeBits == 0o750)
    #expect(!list.isMinimal)
  }

  @Test func `chmod changes the mask and not the group's entry`() throws {
    var list = try #require(AccessControlList(bytes))
    list.apply(mode: 0o711)
    #expect(list.modeBits == 0o711)
    #expect(list.entries.map(\.permissions) == [7, 5, 5, 1, 1])
  }

  @Test func `a new file gets no more than its creator and the directory allow`() throws {
    let list = try #require(AccessControlList(bytes))
    let result = list.inherited(mode: 0o4666)
    #expect(result.mode == 0o4640)
    #expect(result.list.entries.map(\.permissions) == [6, 5, 5, 4, 0])
  }

  @Test func `what the kernel would not write is refused`() {
    #expect(AccessControlList([]) == nil)
    #expect(AccessControlList([1, 0, 0, 0]) == nil)
    #expect(AccessControlList(Array(bytes.dropLast())) == nil)
    // No mask though there is a named user; two owners; permissions above 7; an unknown tag.
    #expect(AccessControlList(Array(bytes[..<28]) + Array(bytes[36...])) == nil)
    #expect(AccessControlList(bytes + bytes[4..<12]) == nil)
    var changed = bytes
    changed[6] = 8
    #expect(AccessControlList(changed) == nil)
    changed = bytes
    changed[4] = 3
    #expect(AccessControlList(changed) == nil)
  }

  @Test(arguments: testSeeds(20))
  func `random bytes are a list or none`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        damaged[Int.random(in: damaged.indices, using: &generator)] = UInt8(truncatingIfNeeded: generator.next())
      }
      damaged.removeLast(Int.random(in: 0..<3, using: &generator) * 8)
      guard var list = AccessControlList(damaged) else { continue }
      #expect(list.bytes == damaged)
      _ = list.inherited(mode: UInt32.random(in: 0...0o7777, using: &generator))
      list.apply(mode: 0o640)
      #expect(list.modeBits == 0o640)
    }
  }
}
