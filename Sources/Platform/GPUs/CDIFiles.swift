import Containers
import FoundationEssentials
import Glibc
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
  /// What the file was made from; nil: it has not been made.
  private let stamp = Mutex<String?>(nil)

  /// - Parameters:
  ///   - instance: tells the files of two Cairns with declared GPUs apart. Of real ones both write the same.
  ///   - directories: the last is where the file is written.
  public init(
    _ inventory: GPUInventory, instance: String, directories: [String] = ["/etc/cdi", "/var/run/cdi"]
  ) {
    self.inventory = inventory
    self.directories = directories
    let name = instance.utf8.map { isalnum(Int32($0)) != 0 ? String(UnicodeScalar($0)) : "-" }.joined()
    path = "\(directories.last ?? "/var/run/cdi")/cairn.local-gpu\(inventory.isReal ? "" : name).json"
  }

  /// The names by which podman knows these devices. The file is made anew where the driver or a source has changed.
  /// - Parameter uuids: of GPUs or MIG instances.
  /// - Throws: ``CDIError``; `SystemError` where the file can't be written.
  public func names(of uuids: [String]) throws -> [String] {
    if uuids.isEmpty { return [] }
    let known = try stamp.withLock { stamp in
      let sources = inventory.isReal ? sourceFiles() : []
      let now = ([driverVersion()] + sources.map(Self.stamp)).joined(separator: "\n")
      let old = stamp == now ? try? CDISpecification.parse(read(path)) : nil
      if let old { return old }
      let specification =
        inventory.isReal
        ? CDISpecification.reduced(from: try sources.compactMap(specification), for: inventory.gpus)
        : .declared(inventory.gpus)
      try write(specification)
      stamp = now
      return specification
    }
    return try uuids.map { uuid in
      guard known.devices.contains(where: { $0.name == uuid }) else {
        throw CDIError(
          description: "no file in \(directories.joined(separator: " or ")) says what a container needs of \(uuid);"
            + " make one: nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml")
      }
      return "\(CDISpecification.ownKind)=\(uuid)"
    }
  }

  /// Removes the file of GPUs that are only declared.
  public func remove() {
    if !inventory.isReal { unlink(path) }
    stamp.withLock { $0 = nil }
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
    guard text.contains("nvidia.com/") else { return nil }
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
