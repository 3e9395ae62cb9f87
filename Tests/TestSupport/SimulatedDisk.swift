import Glibc
import Linux
import Synchronization

/// A disk in memory that can lose its power. It keeps what programs wrote apart from what was synced:
/// after ``powerCut(keeping:using:)`` any 512-byte sectors, lengths, and names in directories that no
/// sync covered may be lost, each by itself. It can also fail, or be full.
///
/// What it assumes is what POSIX promises and no more: `fdatasync` keeps a file's bytes and length, not
/// its name; syncing a directory keeps its names.
public final class SimulatedDisk: Disk {
  /// The calls that count as input and output, can be crashed at, and can fail.
  public enum Call: String, Hashable, Sendable, CaseIterable {
    case create, makeDirectory, rename, remove, syncDirectory, write, sync, truncate, allocate, punch, read
  }

  struct NameChange {
    /// Both halves of a rename within a directory happen or don't, together.
    var changes: [(name: String, file: Int?)]
  }

  struct Directory {
    var names: [String: Int] = [:]
    var durable: [String: Int] = [:]
    var changes: [NameChange] = []
  }

  struct State {
    var files: [Int: SimulatedFile] = [:]
    var directories: [Int: Directory] = [0: Directory()]
    /// How often each file is open: one without a name takes space as long as it is.
    var handles: [Int: Int] = [:]
    var next = 1
    var capacity: UInt64 = 1 << 50
    var calls = 0
    /// Calls that change something, at which the power can go.
    var crashAt: Int?
    var isDead = false
    /// Asked before each call; an errno makes it fail.
    var failure: (@Sendable (Call, _ path: String, _ count: Int) -> Int32?)?
    var trace: [String]?
  }

  private let state: Mutex<State>
  private let hook = Mutex<(@Sendable (Call, _ path: String) -> Void)?>(nil)

  /// Called before each call that changes something, on its thread. It may use the disk.
  public func before(_ hook: (@Sendable (Call, _ path: String) -> Void)?) { self.hook.withLock { $0 = hook } }

  public init() { state = Mutex(State()) }

  private init(_ state: sending State) { self.state = Mutex(state) }

  // MARK: Faults

  /// Calls so far that change something.
  public var calls: Int { state.withLock { $0.calls } }

  /// The power goes at this call, counted from the beginning: it and all later ones fail, and its own
  /// effect is one of those that may be lost.
  public func crash(at call: Int?) { state.withLock { $0.crashAt = call } }

  public var isDead: Bool { state.withLock { $0.isDead } }

  /// Every call from now on fails: the process that used the disk is no more.
  public func cutOff() { state.withLock { $0.isDead = true } }

  /// Lets calls fail with an errno. `count` is the number of the call.
  public func fail(_ failure: (@Sendable (Call, _ path: String, _ count: Int) -> Int32?)?) {
    state.withLock { $0.failure = failure }
  }

  /// Bytes that fit on the disk.
  public func setCapacity(_ bytes: UInt64) { state.withLock { $0.capacity = bytes } }

  public var usedBytes: UInt64 { state.withLock { Self.used($0) } }

  /// The names and lengths of all files, for messages.
  public func setTrace(_ isOn: Bool) { state.withLock { $0.trace = isOn ? [] : nil } }
  public var trace: [String] { state.withLock { $0.trace ?? [] } }

  /// The disk as the next process finds it when the one that used it was killed: everything is there,
  /// and what was not synced still can be lost.
  public func afterKill() -> SimulatedDisk {
    state.withLock { state in
      var copy = state
      Self.revive(&copy)
      return SimulatedDisk(copy)
    }
  }

  /// The disk after a power cut, of what was not synced a part with the probability `keeping`.
  public func afterPowerCut(keeping: Double, using generator: inout SeededGenerator) -> SimulatedDisk {
    let copy = state.withLock { $0 }
    var result = State()
    result.next = copy.next
    result.capacity = copy.capacity
    for (number, directory) in copy.directories.sorted(by: { $0.key < $1.key }) {
      var names = directory.durable
      for change in directory.changes where Double.random(in: 0..<1, using: &generator) < keeping {
        for (name, file) in change.changes { names[name] = file }
      }
      result.directories[number] = Directory(names: names, durable: names)
    }
    for (number, file) in copy.files.sorted(by: { $0.key < $1.key }) {
      result.files[number] = file.afterPowerCut(keeping: keeping, using: &generator)
    }
    // What no directory names is gone.
    let named = Set(result.directories.values.flatMap(\.names.values))
    result.files = result.files.filter { named.contains($0.key) }
    return SimulatedDisk(result)
  }

  private static func revive(_ state: inout State) {
    state.isDead = false
    state.crashAt = nil
    state.failure = nil
    state.calls = 0
    state.handles = [:]
  }

  // MARK: Bookkeeping

  private static func used(_ state: State) -> UInt64 {
    var numbers = Set(state.handles.keys)
    for directory in state.directories.values { numbers.formUnion(directory.names.values) }
    return numbers.reduce(0) { $0 + (state.files[$1]?.takenPages ?? 0) } * SparseBytes.page
  }

  /// Counts a call; throws if it is to fail. Answers whether the power goes with it.
  private static func begin(_ state: inout State, _ call: Call, _ path: String) throws(SystemError) -> Bool {
    // Reads go on when the power is gone: nobody is to see the process end in an unlucky place.
    if state.isDead && call != .read { throw SystemError(call.rawValue, path, EIO) }
    if call != .read { state.calls += 1 }
    state.trace?.append("\(state.calls) \(call) \(path)")
    if let code = state.failure?(call, path, state.calls) { throw SystemError(call.rawValue, path, code) }
    guard call != .read, let crash = state.crashAt, state.calls >= crash else { return false }
    state.isDead = true
    return true
  }

  /// Carries out a change. At the call at which the power goes it is carried out and not answered.
  private func change<Result>(
    _ call: Call, _ path: String, _ body: (inout State) throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    hook.withLock { $0 }?(call, path)
    return try state.withLock { state throws(SystemError) in
      let isCrash = try Self.begin(&state, call, path)
      // A sync that was not answered has done anything or nothing: what it was to keep may be lost in part.
      if isCrash && (call == .sync || call == .syncDirectory) { throw SystemError(call.rawValue, path, EIO) }
      let result = try body(&state)
      if isCrash { throw SystemError(call.rawValue, path, EIO) }
      return result
    }
  }

  private static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[..<slash]), String(path[path.index(after: slash)...]))
  }

  private static func find(_ state: State, directory path: String) -> Int? {
    var number = 0
    for part in path.split(separator: "/") {
      guard let next = state.directories[number]?.names[String(part)], state.directories[next] != nil else {
        return nil
      }
      number = next
    }
    return number
  }

  private static func find(_ state: State, file path: String) -> Int? {
    let (parent, name) = split(path)
    guard let directory = find(state, directory: parent) else { return nil }
    return state.directories[directory]?.names[name]
  }

  private static func setNames(_ state: inout State, _ directory: Int, _ changes: [(String, Int?)]) {
    for (name, file) in changes { state.directories[directory]!.names[name] = file }
    state.directories[directory]!.changes.append(NameChange(changes: changes.map { (name: $0.0, file: $0.1) }))
  }

  // MARK: Disk

  public func open(_ path: String, create: Bool) throws(SystemError) -> any DiskFile {
    let existing = state.withLock { Self.find($0, file: path) }
    if let existing { return OpenFile(disk: self, number: existing, path: path) }
    guard create else { throw SystemError("open", path, isDead ? EIO : ENOENT) }
    let number = try change(.create, path) { state throws(SystemError) in
      let (parent, name) = Self.split(path)
      guard let directory = Self.find(state, directory: parent) else { throw SystemError("open", path, ENOENT) }
      let number = state.next
      state.next += 1
      state.files[number] = SimulatedFile()
      Self.setNames(&state, directory, [(name, number)])
      return number
    }
    return OpenFile(disk: self, number: number, path: path)
  }

  public func makeDirectory(_ path: String) throws(SystemError) {
    if state.withLock({ Self.find($0, directory: path) != nil }) { return }
    try change(.makeDirectory, path) { state throws(SystemError) in
      let (parent, name) = Self.split(path)
      guard let directory = Self.find(state, directory: parent) else { throw SystemError("mkdir", path, ENOENT) }
      let number = state.next
      state.next += 1
      state.directories[number] = Directory()
      Self.setNames(&state, directory, [(name, number)])
    }
  }

  public func list(_ directory: String) throws(SystemError) -> [String] {
    try state.withLock { state throws(SystemError) in
      guard let number = Self.find(state, directory: directory) else { throw SystemError("opendir", directory, ENOENT) }
      return Array(state.directories[number]!.names.keys)
    }
  }

  public func rename(_ from: String, _ to: String) throws(SystemError) {
    try change(.rename, from) { state throws(SystemError) in
      let (parent, name) = Self.split(from)
      let (newParent, newName) = Self.split(to)
      guard parent == newParent, let directory = Self.find(state, directory: parent),
        let number = state.directories[directory]?.names[name]
      else { throw SystemError("rename", from, ENOENT) }
      Self.setNames(&state, directory, [(newName, number), (name, nil)])
    }
  }

  public func remove(_ path: String) throws(SystemError) {
    try change(.remove, path) { state throws(SystemError) in
      let (parent, name) = Self.split(path)
      guard let directory = Self.find(state, directory: parent), state.directories[directory]?.names[name] != nil
      else { throw SystemError("unlink", path, ENOENT) }
      Self.setNames(&state, directory, [(name, nil)])
    }
  }

  public func exists(_ path: String) -> Bool {
    state.withLock { Self.find($0, file: path) != nil }
  }

  public func syncDirectory(_ path: String) throws(SystemError) {
    try change(.syncDirectory, path) { state throws(SystemError) in
      guard let number = Self.find(state, directory: path) else { throw SystemError("fsync", path, ENOENT) }
      state.directories[number]!.durable = state.directories[number]!.names
      state.directories[number]!.changes = []
    }
  }

  public func freeBytes() throws(SystemError) -> UInt64 {
    state.withLock { state in
      let used = Self.used(state)
      return state.capacity - min(state.capacity, used)
    }
  }

  // MARK: Files

  private final class OpenFile: DiskFile {
    let disk: SimulatedDisk
    let number: Int
    let path: String

    init(disk: SimulatedDisk, number: Int, path: String) {
      self.disk = disk
      self.number = number
      self.path = path
      disk.state.withLock { $0.handles[number, default: 0] += 1 }
    }

    deinit {
      disk.state.withLock { state in
        state.handles[number]! -= 1
        if state.handles[number] == 0 { state.handles[number] = nil }
      }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
      try disk.state.withLock { state throws(SystemError) in
        _ = try SimulatedDisk.begin(&state, .read, path)
        return state.files[number]?.content.read(into: buffer, at: offset) ?? 0
      }
    }

    private func takeRoom(_ state: State, _ call: String, _ range: Range<UInt64>) throws(SystemError) {
      let missing = (state.files[number]?.missingPages(range) ?? 0) * SparseBytes.page
      if missing > 0, SimulatedDisk.used(state) + missing > state.capacity { throw SystemError(call, path, ENOSPC) }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) {
      try disk.change(.write, path) { state throws(SystemError) in
        try takeRoom(state, "pwrite", offset..<offset + UInt64(bytes.count))
        state.files[number]?.write(bytes, at: offset)
      }
    }

    /// Nothing is kept by it: it promises nothing.
    func startWriting(offset: UInt64, length: UInt64) {
      disk.state.withLock { $0.trace?.append("startWriting \(offset)+\(length) \(path)") }
    }

    func sync() throws(SystemError) {
      do {
        try disk.change(.sync, path) { state throws(SystemError) in state.files[number]?.sync() }
      } catch {
        if !disk.isDead { disk.state.withLock { $0.files[number]?.forget() } }
        throw error
      }
    }

    func truncate(to length: UInt64) throws(SystemError) {
      try disk.change(.truncate, path) { state throws(SystemError) in state.files[number]?.truncate(to: length) }
    }

    func allocate(offset: UInt64, length: UInt64) throws(SystemError) {
      try disk.change(.allocate, path) { state throws(SystemError) in
        try takeRoom(state, "fallocate", offset..<offset + length)
        state.files[number]?.allocate(offset..<offset + length)
      }
    }

    func punch(offset: UInt64, length: UInt64) throws(SystemError) {
      try disk.change(.punch, path) { state throws(SystemError) in
        state.files[number]?.punch(offset..<offset + length)
      }
    }

    func length() throws(SystemError) -> UInt64 {
      try disk.state.withLock { state throws(SystemError) in
        return state.files[number]?.content.length ?? 0
      }
    }
  }
}
