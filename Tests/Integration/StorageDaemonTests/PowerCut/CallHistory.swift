import Chunks
import Foundation
import Glibc
import Linux
import Synchronization
import TestSupport

/// Numbers that say in which order calls of different threads began and ended.
final class CallClock: Sendable {
  private let next = Atomic<UInt64>(1)

  func tick() -> UInt64 { next.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue }
}

/// What one thread did in a directory of its own, one change after the other, with what the directory held after
/// each: so that from what it holds after a power cut can be told how many of the changes are there.
///
/// Used by one thread at a time.
final class CallHistory: @unchecked Sendable {
  // @unchecked: the thread that makes the calls has ended before another looks at them.

  struct Call {
    var what: String
    var began: UInt64
    var ended: UInt64
  }

  /// An fsync that returned. All that ended before it began must be there if the power goes later than `position`.
  struct Sync {
    var began: UInt64
    var position: Int
  }

  /// How much of a history is there.
  struct Presence {
    /// So many calls had begun for certain.
    var begun: Int
    /// At most so many had come to their end.
    var complete: Int
  }

  private final class File {
    var content: [UInt8] = [] {
      didSet { digest = content.withUnsafeBytes { Digest(of: $0) } }
    }
    private(set) var digest = Digest(of: UnsafeRawBufferPointer(start: nil, count: 0))

    func write(_ bytes: some Collection<UInt8>, at offset: Int) {
      content.replaceSubrange(offset..<min(offset + bytes.count, content.count), with: bytes)
    }
  }

  let name: String
  private(set) var calls: [Call] = []
  private(set) var syncs: [Sync] = []
  /// What the directory held after so many calls.
  private var states: [[String: Digest]] = []
  /// When the directory held what has this digest.
  private var places: [Digest: Presence] = [:]
  private var files: [String: File] = [:]
  private let directory: String
  private let clock: CallClock
  private var generator: SeededGenerator
  private var made = 0

  init(_ name: String, in parent: String, clock: CallClock, seed: UInt64) throws {
    self.name = name
    directory = parent + "/" + name
    self.clock = clock
    generator = SeededGenerator(seed: seed)
    if mkdir(directory, 0o755) != 0 { throw SystemError("mkdir", directory) }
    note()
  }

  private func random(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }

  private func note() {
    states.append(files.mapValues(\.digest))
    let digest = Self.digest(states[calls.count])
    places[digest] = Presence(begun: places[digest]?.begun ?? calls.count, complete: calls.count)
  }

  /// The kernel makes two requests of a write that begins within a page it does not have: the power may go between
  /// them.
  private func noteFirstPage(of bytes: [UInt8], at offset: Int, in file: File) {
    let count = 4096 - offset % 4096
    guard count < bytes.count else { return }
    let whole = file.content
    file.write(bytes.prefix(count), at: offset)
    let digest = Self.digest(files.mapValues(\.digest))
    if places[digest] == nil { places[digest] = Presence(begun: calls.count + 1, complete: calls.count) }
    file.content = whole
  }

  private static func digest(_ files: [String: Digest]) -> Digest {
    let text = files.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
    return Array(text.utf8).withUnsafeBytes { Digest(of: $0) }
  }

  // MARK: Making changes

  /// Makes one change, or syncs. `position` tells what has reached the disk.
  func step(_ position: () -> Int) throws {
    let names = files.keys.sorted()
    let choice = random(100)
    if choice < 12, let name = names.randomElement(using: &generator) {
      try sync(directory + "/" + name, position)
    } else if choice < 40 || names.count < 2 {
      try create()
    } else if names.count > 10 {
      let name = names[random(names.count)]
      try change("unlink \(name)") {
        unlink(path(name))
      } model: {
        files[name] = nil
      }
    } else {
      try alter(names[random(names.count)], choice)
    }
  }

  private func path(_ name: String) -> String { directory + "/" + name }

  private func change(_ what: String, _ call: () throws -> Int32, model: () -> Void) throws {
    let began = clock.tick()
    if try call() != 0 { throw SystemError(what, directory) }
    calls.append(Call(what: what, began: began, ended: clock.tick()))
    model()
    note()
  }

  private func create() throws {
    made += 1
    let name = "f\(made)"
    try change("create \(name)") {
      let descriptor = open(path(name), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o644)
      return descriptor < 0 ? -1 : close(descriptor)
    } model: {
      files[name] = File()
    }
  }

  private func alter(_ name: String, _ choice: Int) throws {
    guard let file = files[name] else { return }
    if choice < 80 {
      let length =
        file.content.count < 500_000 ? [random(100) + 1, 4096, random(40_000) + 1, random(300_000) + 1] : [7]
      let bytes = generator.bytes(length[random(length.count)])
      let offset = random(2) == 0 ? file.content.count : random(file.content.count + 1)
      noteFirstPage(of: bytes, at: offset, in: file)
      try change("write \(bytes.count) bytes at \(offset) to \(name)") {
        try write(bytes, at: offset, to: name)
      } model: {
        file.write(bytes, at: offset)
      }
    } else if choice < 87 {
      let size = random(file.content.count + 5_000)
      try change("truncate \(name) to \(size)") {
        truncate(path(name), off_t(size))
      } model: {
        let kept = file.content.prefix(size)
        file.content = kept + [UInt8](repeating: 0, count: size - kept.count)
      }
    } else {
      // Under a new name, or in the place of another file.
      let others = files.keys.filter { files[$0] !== file }.sorted()
      made += 1
      let target = random(2) == 0 ? others.randomElement(using: &generator) ?? "g\(made)" : "g\(made)"
      if choice < 96 {
        try change("rename \(name) to \(target)") {
          rename(path(name), path(target))
        } model: {
          files[name] = nil
          files[target] = file
        }
      } else {
        try change("link \(name) to l\(made)") {
          link(path(name), path("l\(made)"))
        } model: {
          files["l\(made)"] = file
        }
      }
    }
  }

  private func write(_ bytes: [UInt8], at offset: Int, to name: String) throws -> Int32 {
    let descriptor = open(path(name), O_WRONLY | O_CLOEXEC)
    if descriptor < 0 { return -1 }
    defer { close(descriptor) }
    return pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count ? 0 : -1
  }

  private func sync(_ path: String, _ position: () -> Int) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw SystemError("open", path) }
    defer { close(descriptor) }
    let began = clock.tick()
    if fsync(descriptor) != 0 { throw SystemError("fsync", path) }
    syncs.append(Sync(began: began, position: position()))
  }

  // MARK: Looking at what is left

  /// How many of the calls are in what the directory below `parent` holds. Throws where it never held that.
  func callsPresent(in parent: String) throws -> Presence {
    let directory = parent + "/" + name
    var found: [String: Digest] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
      found[name] = try Data(contentsOf: URL(filePath: directory + "/" + name)).withUnsafeBytes { Digest(of: $0) }
    }
    if let place = places[Self.digest(found)] { return place }
    throw NeverHappened(
      description: "\(name) holds what it held after no number of calls: \(nearest(found, directory))")
  }

  /// Where `found` differs from the state that it is most like.
  private func nearest(_ found: [String: Digest], _ directory: String) -> String {
    func differences(_ state: [String: Digest]) -> [String] {
      Set(state.keys).union(found.keys).filter { state[$0] != found[$0] }.sorted()
    }
    guard let count = states.indices.min(by: { differences(states[$0]).count < differences(states[$1]).count }) else {
      return "there is none"
    }
    let names = differences(states[count]).map { name -> String in
      guard found[name] != nil else { return "\(name) is missing" }
      let size = (try? FileManager.default.attributesOfItem(atPath: directory + "/" + name)[.size]) ?? "?"
      return "\(name) has other content of \(size) bytes"
    }
    let calls = calls[max(0, count - 2)..<min(calls.count, count + 3)].map(\.what).joined(separator: ", ")
    return "unlike after \(count), \(names.joined(separator: ", ")); calls around: \(calls)"
  }

  /// How many of the calls had returned when one that began then began.
  func callsEnded(before began: UInt64) -> Int {
    var (low, high) = (0, calls.count)
    while low < high {
      let middle = (low + high) / 2
      if calls[middle].ended < began { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Says what is wrong with what a power cut left of histories that ran side by side: the state must be what some
/// prefix of all calls made, and have all that an fsync before `position` covers.
func faults(of histories: [CallHistory], in parent: String, position: Int) throws -> [String] {
  var faults: [String] = []
  var present: [CallHistory.Presence] = []
  for history in histories {
    do {
      present.append(try history.callsPresent(in: parent))
    } catch {
      faults.append("\(error)")
    }
  }
  guard faults.isEmpty else { return faults }
  let synced = histories.flatMap(\.syncs).filter { $0.position <= position }.map(\.began).max() ?? 0
  // The last to begin of the calls that are there for certain: what had ended before that must be there too.
  let latest = zip(histories, present).compactMap { history, presence in
    presence.begun == 0 ? nil : history.calls[presence.begun - 1].began
  }.max()
  for (history, presence) in zip(histories, present) {
    let durable = history.callsEnded(before: synced)
    if presence.complete < durable {
      faults.append("\(history.name) has \(presence.complete) calls, and \(durable) were synced")
    }
    if let latest, presence.complete < history.callsEnded(before: latest) {
      faults.append(
        "\(history.name) has \(presence.complete) calls, and a later call than its call "
          + "\(history.callsEnded(before: latest)) is there: not a prefix")
    }
  }
  return faults
}
