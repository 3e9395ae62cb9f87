/// A model version as files.
public struct ModelDirectory: Hashable, Codable, Sendable {
  public var name: String
  /// The version itself, where an alias was asked for.
  public var version: String
  /// On the host.
  public var path: String
  /// The volume number of the snapshot.
  public var snapshot: UInt32?

  public init(name: String, version: String, path: String, snapshot: UInt32?) {
    self.name = name
    self.version = version
    self.path = path
    self.snapshot = snapshot
  }
}

/// Finds the files of model versions, and keeps them while a deployment may need them.
public protocol ModelDirectories: Sendable {
  /// The version that a reference means now. It stays until ``giveBack(_:)``: every revision can be gone back to.
  /// - Parameter reference: such as `digits:3` or `digits:champion`.
  /// - Throws: `ControlError` `invalid`, `notFound`, `ambiguous`, or `conflict` where it has no files here.
  func take(_ reference: String, for deployment: String) async throws -> ModelDirectory
  /// The deployment is gone.
  func giveBack(_ deployment: String) async throws
}
