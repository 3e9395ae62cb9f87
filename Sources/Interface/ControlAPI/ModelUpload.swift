public import StorageAPI

extension Volume {
  /// Whether it was brought in by `POST /v1/models/trees` to become a model version, and is none yet. Snapshots and clones
  /// of versions, which people may have made, have a source.
  public var isModelUpload: Bool { kind == .model && path == nil && sealed && source == nil }
}
