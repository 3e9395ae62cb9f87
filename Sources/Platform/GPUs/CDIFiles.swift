import Containers
import FoundationEssentials
import Glibc
import Linux
import Synchronization

/// A GPU that can't be given to a container.
public struct CDIError: Error, CustomStringConvertible, Sendable {
  public let description: String
}

/// The file by which podman finds this host's GPUs, kept like what it is made from. Safe to use from any number of tasks.
public final class CDIFiles: Sendable {
  private let inventory: GPUInventory
  /// Where podman looks, and other programs put theirs.
  private let directories: [String]
  private let path: String
  private let generate: @Sendable () async throws -> String?
  /// What the file was made from or is being made from, and what for; nil: it has not been made.
  private let last = Mutex<Making?>(nil)

  private struct Making {
    var stamp: String
    var task: Task<CDISpecification, any Error>
  }

  /// - Parameters:
  ///   - instance: tells the files of two Cairns with declared GPUs apart. Of real ones both write the same.
  ///   - directories: the last is where the file is written.
  ///   - generate: makes a specification where there is none; nil: it can't.
  public init(
    _ inventory: GPUInventory, instance: String, directories: [String] = ["/etc/cdi", "/var/run/cdi"],
    generate: @escaping @Sendable () async throws -> String? = CDIFiles.generate
  ) {
    self.inventory = inventory
    self.directories = directories
    self.generate = generate
    let name = instance.utf8.map { isalnum(Int32($0)) != 0 ? String(UnicodeScalar($0)) : "-" }.joined()
    path = "\(directories.last ?? "/var/run/cdi")/cairn.local-gpu\(inventory.isReal ? "" : name).json"
  }

  /// The names by which podman knows these devices. The file is made anew where the driver or a source has changed.
  /// - Parameter uuids: of GPUs or MIG instances.
  /// - Throws: ``CDIError``; `SystemError` where the file can't be written.
  public func names(of uuids: [String]) async throws -> [String] {
    if uuids.isEmpty { return [] }
    let sources = inventory.isReal ? sourceFiles() : []
    let now = ([driverVersion()] + sources.map(Self.stamp)).joined(separator: "\n")
    var known = try await specification(stamp: now, sources, for: uuids)
    // Somebody may have removed it.
    if (try? CDISpecification.parse(read(path))) == nil || !known.has(uuids) {
      last.withLock { if $0?.stamp == now { $0 = nil } }
      known = try await specification(stamp: now, sources, for: uuids)
    }
    return try uuids.map { uuid in
      guard known.devices.contains(where: { $0.name == uuid }) else {
        throw CDIError(
          description: "no file in \(directories.joined(separator: " or ")) says what a container needs of \(uuid);"
            + " install nvidia-container-toolkit, or make one: nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml")
      }
      return "\(CDISpecification.ownKind)=\(uuid)"
    }
  }

  /// Makes the file, once for all who want it from the same sources at the same time.
  private func specification(
    stamp: String, _ sources: [String], for uuids: [String]
  ) async throws -> CDISpecification {
    let task = last.withLock { last in
      if let last, last.stamp == stamp { return last.task }
      let task = Task { try await make(from: sources, for: uuids) }
      last = Making(stamp: stamp, task: task)
      return task
    }
    do {
      return try await task.value
    } catch {
      // The next one tries again.
      last.withLock { if $0?.task == task { $0 = nil } }
      throw error
    }
  }

  /// Files that were made for the driver before name what is not there any more. Then, and where there are none, what is
  /// needed is asked of NVIDIA's toolkit.
  private func make(from sources: [String], for uuids: [String]) async throws -> CDISpecification {
    var specification = CDISpecification.declared(inventory.gpus)
    if inventory.isReal {
      let found = try sources.compactMap(self.specification)
      var usable = found.filter(\.isOfThisHost)
      specification = .reduced(from: usable, for: inventory.gpus)
      if !specification.has(uuids), let text = try await generate() {
        do { usable.append(try CDISpecification.parse(text)) } catch {
          throw CDIError(description: "what nvidia-ctk generates can't be read as a CDI specification: \(error)")
        }
        specification = .reduced(from: usable, for: inventory.gpus)
      }
      // podman says what is missing.
      if !specification.has(uuids) { specification = .reduced(from: usable + found, for: inventory.gpus) }
    }
    try write(specification)
    return specification
  }

  /// What NVIDIA's toolkit says of the GPUs and their driver; nil: it is not installed.
  /// - Throws: ``CDIError``
  @Sendable public static func generate() async throws -> String? {
    guard programPath("nvidia-ctk") != nil else { return nil }
    do {
      let result = try await Command.run(
        ["nvidia-ctk", "cdi", "generate", "--format=json"], timeLimit: .seconds(60))
      guard result.status == 0 else { throw CDIError(description: "nvidia-ctk cdi generate: \(result.complaint)") }
      return result.output
    } catch is Command.TimeLimitExceeded {
      throw CDIError(description: "nvidia-ctk cdi generate did not end within a minute")
    }
  }

  /// Removes the file of GPUs that are only declared.
  public func remove() {
    if !inventory.isReal { unlink(path) }
    last.withLock { $0 = nil }
  }

  private func sourceFiles() -> [String] {
    directories.flatMap { directory in
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      return names.filter { $0.hasSuffix(".json") || $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }
        .filter { !$0.hasPrefix("cairn.local-gpu") }.sorted().map { "\(directory)/\($0)" }
    }
  }

  /// nil: it is of other devices.
  private func specification(_ file: String) throws -> CDISpecification? {
    let text = try read(file)
    // Other vendors' files are none of our business, whatever is in them.
    guard text.contains("nvidia.com") else { return nil }
    do {
      let specification = try CDISpecification.parse(text)
      return specification.kind.hasPrefix("nvidia.com/") ? specification : nil
    } catch {
      throw CDIError(description: "\(file) can't be read as a CDI specification: \(error)")
    }
  }

  private func read(_ file: String) throws -> String {
    let data = try Data(contentsOf: URL(filePath: file))
    guard data.count <= 4 << 20 else { throw CDIError(description: "\(file) is longer than 4 MiB") }
    return String(decoding: data, as: UTF8.self)
  }

  private func write(_ specification: CDISpecification) throws {
    let directory = directories.last ?? "/"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    try writeFile(path, String(decoding: try encoder.encode(specification), as: UTF8.self))
  }

  private func driverVersion() -> String { (try? read("/proc/driver/nvidia/version")) ?? "" }

  private static func stamp(_ file: String) -> String {
    var status = stat()
    guard stat(file, &status) == 0 else { return file }
    return "\(file) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(status.st_ino)"
  }
}
