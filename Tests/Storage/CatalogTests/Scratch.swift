import Catalog
import Chunks
import TestSupport

/// A directory for one test; it goes with the last reference.
final class Scratch: Sendable {
  private let directory = TemporaryDirectory()
  var path: String { directory.path }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}

/// Seeds for property tests: some that stay, and one that is new in each run. A failure names its
/// seed; add it here to see it again.
let seeds: [UInt64] = [1, 2, 3, UInt64.random(in: 4...UInt64.max)]

func bytes(_ text: String) -> [UInt8] { [UInt8](text.utf8) }

func digest(_ number: UInt64) -> Digest { Digest(words: (number &* 0x9e37_79b9_7f4a_7c15, number, ~number, 7)) }

func chunkRow(_ id: ChunkID, pack: UInt64 = 1, storedLength: UInt32 = 100, length: UInt32 = 300) -> ChunkRow {
  ChunkRow(
    id: id, digest: digest(id),
    location: ChunkLocation(
      pack: pack, offset: id * 4096, storedLength: storedLength, length: length, codec: id % 2 == 0 ? .raw : .lz4))
}

func file(size: UInt64 = 0, linkCount: UInt32 = 1) -> InodeRow {
  InodeRow(mode: 0o100644, uid: 1, gid: 2, linkCount: linkCount, size: size)
}

let whiteout = InodeRow(mode: 0, uid: 0, gid: 0, linkCount: 0)

extension CatalogBatch {
  init() { self.init(counters: Counters()) }
}
