/// A volume, as the admin API shows it.
public struct Volume: Codable, Equatable, Sendable, Identifiable {
  public enum Kind: String, Codable, Sendable, CaseIterable {
    case persistent, workspace, artifact, model
  }

  public var id: UInt32
  public var kind: Kind
  /// Where it appears under the mount, such as `artifacts/p/j`; nil: nowhere.
  public var path: String?
  public var sealed: Bool
  /// 0: no limit.
  public var quotaBytes: UInt64
  /// 0: no limit.
  public var quotaInodes: UInt64
  public var usedBytes: UInt64
  public var usedInodes: UInt64
  /// Since 1970.
  public var createdNanoseconds: Int64
  /// The volume that it began as a snapshot or clone of.
  public var source: UInt32?

  public init(
    id: UInt32, kind: Kind, path: String?, sealed: Bool, quotaBytes: UInt64, quotaInodes: UInt64, usedBytes: UInt64,
    usedInodes: UInt64, createdNanoseconds: Int64, source: UInt32?
  ) {
    self.id = id
    self.kind = kind
    self.path = path
    self.sealed = sealed
    self.quotaBytes = quotaBytes
    self.quotaInodes = quotaInodes
    self.usedBytes = usedBytes
    self.usedInodes = usedInodes
    self.createdNanoseconds = createdNanoseconds
    self.source = source
  }
}

/// `GET /v1/volumes`.
public struct VolumeList: Codable, Equatable, Sendable {
  public var volumes: [Volume]

  public init(volumes: [Volume]) { self.volumes = volumes }
}

/// What a new volume is to be: the body of `POST /v1/volumes` and `POST /v1/volumes/{id}/clone`, and
/// the first line of `POST /v1/ingest/trees`. What is left out has the default given here.
public struct NewVolume: Codable, Equatable, Sendable {
  public var kind: Volume.Kind
  /// Where it appears under the mount; the first component is `storage`, `workspaces`, `artifacts`,
  /// `models` or `volumes`. nil: nowhere.
  public var path: String?
  /// Owner of the root directory; nil: 0. A clone keeps what its source has.
  public var uid: UInt32?
  public var gid: UInt32?
  /// Permissions of the root directory; nil: 0o755 (493 in JSON).
  public var mode: UInt32?
  /// nil or 0: no limit.
  public var quotaBytes: UInt64?
  public var quotaInodes: UInt64?

  public init(
    kind: Volume.Kind, path: String? = nil, uid: UInt32? = nil, gid: UInt32? = nil, mode: UInt32? = nil,
    quotaBytes: UInt64? = nil, quotaInodes: UInt64? = nil
  ) {
    self.kind = kind
    self.path = path
    self.uid = uid
    self.gid = gid
    self.mode = mode
    self.quotaBytes = quotaBytes
    self.quotaInodes = quotaInodes
  }
}

/// `POST /v1/volumes/{id}/snapshot`.
public struct SnapshotRequest: Codable, Equatable, Sendable {
  /// Where the snapshot appears under the mount; nil: nowhere.
  public var path: String?

  public init(path: String? = nil) { self.path = path }
}

/// `PUT /v1/volumes/{id}/quota`. 0: no limit.
public struct Quota: Codable, Equatable, Sendable {
  public var quotaBytes: UInt64
  public var quotaInodes: UInt64

  public init(quotaBytes: UInt64, quotaInodes: UInt64) {
    self.quotaBytes = quotaBytes
    self.quotaInodes = quotaInodes
  }
}
