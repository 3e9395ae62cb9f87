import Glibc
import Linux
import MountCalls
import TestSupport
import Testing

/// Names, targets and values of any bytes that the kernel lets through.
@Suite struct HostileNameTests {
  @Test(arguments: testSeeds())
  func filesOfAnyNameAreFoundListedAndRemoved(seed: UInt64) throws {
    try withMount { store in
      var generator = SeededGenerator(seed: seed)
      var model: [[UInt8]: [UInt8]] = [:]
      for _ in 0..<300 {
        let name = Self.name(using: &generator)
        switch UInt8.random(in: 0..<4, using: &generator) {
        case 0:
          guard let old = model.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }).first else { continue }
          let code = errorCode { Self.call(store, old) { from in Self.call(store, name) { rename(from, $0) } } }
          #expect(code == 0, "\(old) to \(name)")
          let content = model.removeValue(forKey: old)
          model[name] = content
        case 1:
          guard let old = model.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }).last else { continue }
          let code = errorCode { Self.call(store, old) { unlink($0) } }
          #expect(code == 0, "\(old)")
          model[old] = nil
        default:
          let content = generator.bytes(Int.random(in: 0..<100, using: &generator))
          let descriptor = Self.call(store, name) { open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) }
          #expect(descriptor >= 0, "\(name)")
          try writeAll(descriptor, content, at: 0)
          close(descriptor)
          model[name] = content
        }
      }
      let listed = try Self.names(store.root).sorted { $0.lexicographicallyPrecedes($1) }
      #expect(listed == model.keys.sorted { $0.lexicographicallyPrecedes($1) }, "seed \(seed)")
      for (name, content) in model {
        let descriptor = Self.call(store, name) { open($0, O_RDONLY | O_CLOEXEC) }
        try #expect(readRange(descriptor, at: 0, count: 200) == content, "\(name)")
        close(descriptor)
      }
    }
  }

  @Test(arguments: testSeeds())
  func attributesOfAnyNameAndValueAreKept(seed: UInt64) throws {
    try withMount { store in
      var generator = SeededGenerator(seed: seed)
      let path = store.path("file")
      try writeFile(path, "x")
      var model: [[UInt8]: [UInt8]] = [:]
      for _ in 0..<150 {
        let name = Array("user.".utf8) + Self.name(using: &generator).prefix(250)
        let sizes = [0, 1, 100, 4096, 65_536]
        let value = generator.bytes(sizes[Int.random(in: 0..<sizes.count, using: &generator)])
        let code = errorCode { name.withCString { call_set_attribute(path, $0, value, value.count, 0) } }
        #expect(code == 0, "\(name) of \(value.count) bytes")
        model[name] = value
      }
      #expect(
        errorCode { call_set_attribute(path, "user.x", [UInt8](repeating: 0, count: 65_537), 65_537, 0) } == E2BIG)
      for (name, value) in model {
        var found = [UInt8](repeating: 0, count: 65_536)
        let count = name.withCString { call_get_attribute(path, $0, &found, found.count) }
        #expect(count == value.count && Array(found.prefix(max(0, count))) == value, "\(name)")
      }
      var list = [CChar](repeating: 0, count: 65_536)
      let count = call_list_attributes(path, &list, list.count)
      let listed = list.prefix(max(0, count)).map { UInt8(bitPattern: $0) }.split(separator: 0).map { [UInt8]($0) }
      #expect(Set(listed) == Set(model.keys), "seed \(seed)")
      for name in model.keys {
        #expect(errorCode { name.withCString { call_remove_attribute(path, $0) } } == 0)
      }
      #expect(call_list_attributes(path, &list, list.count) == 0)
    }
  }

  @Test(arguments: testSeeds())
  func linksLeadToAnyBytes(seed: UInt64) throws {
    try withMount { store in
      var generator = SeededGenerator(seed: seed)
      for (index, length) in [1, 2, 255, 256, 4094, 4095].enumerated() {
        let target = generator.bytes(length).map { $0 == 0 ? 1 : $0 }
        let path = store.path("link\(index)")
        #expect(errorCode { target.withCString { symlink($0, path) } } == 0, "\(length) bytes")
        var found = [CChar](repeating: 0, count: 5000)
        let count = readlink(path, &found, found.count)
        #expect(found.prefix(max(0, count)).map { UInt8(bitPattern: $0) } == target)
      }
    }
  }

  /// 1 to 255 bytes without `/` and NUL, not `.` or `..`.
  private static func name(using generator: inout SeededGenerator) -> [UInt8] {
    let odd: [String] = [
      "...", " ", "\n", "-rf", "*", "a\\b", "con", "name.", "\u{7F}", ".fuse_hidden0001", "\u{202E}txt", "e\u{301}",
      "\u{E9}",
    ]
    if UInt8.random(in: 0..<4, using: &generator) == 0 {
      return Array(odd[Int.random(in: 0..<odd.count, using: &generator)].utf8)
    }
    let length = UInt8.random(in: 0..<4, using: &generator) == 0 ? 255 : Int.random(in: 3..<40, using: &generator)
    return generator.bytes(length).map { $0 == 0 || $0 == 0x2F ? 0xFF : $0 }
  }

  private static func call(_ store: MountedStore, _ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
    (Array(store.root.utf8) + [0x2F] + name).withCString(body)
  }

  private static func names(_ directory: String) throws -> [[UInt8]] {
    guard let stream = opendir(directory) else { throw SystemError("opendir", directory) }
    defer { closedir(stream) }
    var result: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { [UInt8]($0.prefix { $0 != 0 }) }
      if name != [0x2E] && name != [0x2E, 0x2E] { result.append(name) }
    }
    return result
  }
}

extension [UInt8] {
  /// The bytes with a NUL after them, for the time of `body`.
  fileprivate func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    (self + [0]).withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
  }
}
