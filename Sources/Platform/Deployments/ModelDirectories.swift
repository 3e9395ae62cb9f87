import ControlDatabase
import FoundationEssentials
import Glibc

/// A model version as files.
public struct ModelDirectory: Hashable, Codable, Sendable {
  public var name: String
  /// The version itself, where an alias was asked for.
  public var version: String
  /// On the host.
  public var path: String
  /// The volume number of the snapshot; nil: the files are no snapshot.
  public var snapshot: UInt32?

  public init(name: String, version: String, path: String, snapshot: UInt32? = nil) {
    self.name = name
    self.version = version
    self.path = path
    self.snapshot = snapshot
  }
}

/// Finds the files of model versions.
public protocol ModelDirectories: Sendable {
  /// - Parameter reference: `name:version` or `name:alias`.
  /// - Throws: `ControlError` `invalid` or `notFound`.
  func resolve(_ reference: String) async throws -> ModelDirectory
}

/// The model versions below `models` in the mount, an alias being a link to its version's directory.
public struct MountedModels: ModelDirectories {
  private let mount: String

  public init(mount: String) { self.mount = mount }

  public func resolve(_ reference: String) async throws -> ModelDirectory {
    let parts = reference.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, parts.allSatisfy(Names.isValid) else {
      throw ControlError(
        .invalid, subject: reference, "\"\(reference)\" is no model version; write NAME:VERSION or NAME:ALIAS")
    }
    let (name, asked) = (parts[0], parts[1])
    let directory = "\(mount)/models/\(name)"
    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(asked)")
    let version = target ?? asked
    // A link out of the model's directory would show a container what is none of its business.
    guard Names.isValid(version), isDirectory("\(directory)/\(version)") else {
      throw ControlError(
        .notFound, subject: reference, "there is no version \(asked) of model \(name) in \(directory)")
    }
    return ModelDirectory(name: name, version: version, path: "\(directory)/\(version)")
  }

  /// Not what a link points to.
  private func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
