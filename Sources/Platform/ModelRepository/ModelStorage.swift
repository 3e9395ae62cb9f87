/// What the model repository asks of the storage daemon. Each call may be repeated: making what is there and removing
/// what is gone succeed. Paths are relative to the mount.
public protocol ModelStorage: Sendable {
  /// The host's path of the mount.
  var mount: String { get }
  /// Makes an immutable tree at `path`. Bytes are not copied: they are those of `content`.
  /// - Throws: where `content` is not there (any more), or something that is no version is at `path`.
  func createVersion(at path: String, from content: ModelContent) async throws
  /// Removes the tree at `path`.
  func removeVersion(at path: String) async throws
  /// Makes the symbolic link at `path`, or turns it, in one step.
  func setLink(_ path: String, to target: String) async throws
  func removeLink(_ path: String) async throws
  /// Makes a version of a model in Triton's layout at `triton/…`, of files of the tree at `path`, which are shared.
  func publish(_ view: TritonView, of path: String) async throws
  /// Removes a version from Triton's layout, and the model with its last version.
  func withdraw(model directory: String, version: Int64) async throws
}
