import Foundation

/// What a killed server may lose if it is not what it says it is.
struct AtRisk {
  /// Acknowledged operations at the journal's end that no sync covered when the last was written.
  var unsynced: UInt64
  /// Requests that the kernel had and no answer to.
  var unanswered: Int

  /// Looks at a store whose server stands still. `connections` is where a fusectl is mounted.
  init(store: String, mount: String, connections: String) throws {
    unsynced = try Self.unsyncedOperations(of: store + "/journal")
    let line = try mountTable().split(separator: "\n").map { $0.split(separator: " ") }.first {
      $0.count > 4 && $0[4] == mount
    }
    guard let minor = line?[2].split(separator: ":").last else {
      throw NeverHappened(description: "\(mount) is not in mountinfo")
    }
    let text = try String(contentsOfFile: "\(connections)/\(minor)/waiting", encoding: .utf8)
    unanswered = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
  }

  /// Walks through the youngest segment as docs/formats.md describes it.
  private static func unsyncedOperations(of directory: String) throws -> UInt64 {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".journal") }
    guard let name = names.max() else { return 0 }
    let bytes = try Data(contentsOf: URL(filePath: directory + "/" + name))
    return bytes.withUnsafeBytes { all in
      var unsynced: UInt64 = 0
      var (place, next) = (64, all.loadUnaligned(fromByteOffset: 40, as: UInt64.self))
      while place + 40 <= all.count {
        let length = Int(all.loadUnaligned(fromByteOffset: place, as: UInt32.self))
        let sequence = all.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self)
        guard length >= 40, sequence == next else { break }
        unsynced = sequence - all.loadUnaligned(fromByteOffset: place + 16, as: UInt64.self)
        place += length
        next += 1
      }
      return unsynced
    }
  }
}
