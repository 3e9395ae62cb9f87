import Glibc
import Testing

@Suite("Listing directories", .timeLimit(.minutes(2)))
struct DirectoryTests {
  @Test func aListingUnderWayMissesNothingAndRepeatsNothing() throws {
    try withMount { store in
      let directory = store.path("d")
      #expect(mkdir(directory, 0o755) == 0)
      for index in 0..<3000 { try writeFile(directory + "/f\(index)", "") }
      let stream = try #require(opendir(directory))
      defer { closedir(stream) }
      var seen: [String] = []
      while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        seen.append(name)
        if seen.count % 10 == 0, name.hasPrefix("f") {
          #expect(unlink(directory + "/" + name) == 0)
          try writeFile(directory + "/new\(seen.count)", "")
        }
      }
      #expect(Set(seen).count == seen.count)
      #expect(Set(seen).isSuperset(of: (0..<3000).map { "f\($0)" } + [".", ".."]))
      try #expect(names(directory).count == 3000)
    }
  }

  @Test func aStreamCanBeRewoundAndSoughtIn() throws {
    try withMount { store in
      for index in 0..<500 { try writeFile(store.path("f\(index)"), "") }
      let stream = try #require(opendir(store.root))
      defer { closedir(stream) }
      func next() -> String? {
        guard let entry = readdir(stream) else { return nil }
        return withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
      }
      for _ in 0..<200 { _ = next() }
      let position = telldir(stream)
      let expected = next()
      while next() != nil {}
      seekdir(stream, position)
      #expect(next() == expected)
      try writeFile(store.path("late"), "")
      rewinddir(stream)
      var all: [String] = []
      while let name = next() { all.append(name) }
      #expect(all.count == 503)
      #expect(all.contains("late"))
    }
  }

  @Test func aListingSeesEveryChange() throws {
    try withMount { store in
      // The kernel caches listings of a mount without OPENDIR; each change must drop them.
      for round in 0..<20 {
        try writeFile(store.path("f\(round)"), "")
        try #expect(names(store.root).count == round + 1)
        try #expect(names(store.root).count == round + 1)
      }
      #expect(rename(store.path("f0"), store.path("g")) == 0)
      try #expect(names(store.root).contains("g"))
      #expect(unlink(store.path("g")) == 0)
      try #expect(names(store.root).count == 19)
    }
  }

  @Test func whatTheServiceAddsOrRemovesIsSeenAtOnceWhateverWasCached() throws {
    try withMount { store in
      let artifacts = store.base + "/mount/artifacts"
      let place = store.base + "/place"
      try shell("mkdir \(place)")
      for number in 1...500 {
        let directory = "\(artifacts)/\(number)"
        let before = try names(artifacts)
        try #require(errorCode { access(directory, F_OK) } == ENOENT)
        let volume = try store.command("create artifacts/\(number)/j")
        // A name that the kernel drops now, between the look-up and the mount, can't be bound.
        try check(mount(directory + "/j", place, nil, UInt(MS_BIND), nil), "mount", directory)
        try writeFile(place + "/result", "x")
        try check(umount2(place, 0), "umount2", place)
        try #require(names(artifacts) == before + ["\(number)"])
        try #require(store.command("remove \(volume)") == "removed")
        try #require(errorCode { access(directory + "/j/result", F_OK) } == ENOENT)
        try #require(names(artifacts) == before)
      }
    }
  }
}
