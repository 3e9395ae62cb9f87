public import ModelFormats

/// A registered model. Times are nanoseconds since 1970.
public struct Model: Codable, Equatable, Sendable {
  public var name: String
  public var project: String
  public var description: String?
  /// Where its versions lie on the host.
  public var directory: String
  public var tags: [String: String]
  /// The number of the version that each alias names.
  public var aliases: [String: Int64]
  /// The newest of each stage, the oldest first.
  public var latestVersions: [ModelVersion]
  public var createdNanoseconds: Int64
  public var updatedNanoseconds: Int64

  public init(
    name: String, project: String, description: String? = nil, directory: String, tags: [String: String] = [:],
    aliases: [String: Int64] = [:], latestVersions: [ModelVersion] = [], createdNanoseconds: Int64,
    updatedNanoseconds: Int64
  ) {
    self.name = name
    self.project = project
    self.description = description
    self.directory = directory
    self.tags = tags
    self.aliases = aliases
    self.latestVersions = latestVersions
    self.createdNanoseconds = createdNanoseconds
    self.updatedNanoseconds = updatedNanoseconds
  }
}

/// An immutable version of a model.
public struct ModelVersion: Codable, Equatable, Sendable {
  public var name: String
  public var project: String
  public var version: Int64
  /// `None`, `Staging`, `Production` or `Archived`.
  public var stage: String
  /// `PENDING_REGISTRATION`, `FAILED_REGISTRATION` or `READY`.
  public var status: String
  public var statusMessage: String?
  public var description: String?
  /// Where the files came from, as a URI.
  public var source: String
  /// Where they lie on the host; nil: not in Cairn.
  public var path: String?
  /// The SHA-256 of `sha256sum`'s output for all files, see docs/models.md.
  public var digest: String?
  public var bytes: UInt64?
  public var files: Int?
  /// What the files say of themselves.
  public var content: ModelDescription?
  public var tags: [String: String]
  public var aliases: [String]
  /// MLflow's run that made it.
  public var run: String?
  /// MLflow's logged model that it is.
  public var loggedModel: String?
  public var job: String?
  public var workspaceSnapshot: UInt32?
  public var imageDigest: String?
  /// The version that it is a copy of, as `name/3`.
  public var parent: String?
  public var user: String?
  /// Who needs its files, as `job h3vj…`; nil where that was not asked for.
  public var usedBy: [String]?
  public var createdNanoseconds: Int64
  public var updatedNanoseconds: Int64

  public init(
    name: String, project: String, version: Int64, stage: String, status: String, source: String,
    tags: [String: String],
    aliases: [String], createdNanoseconds: Int64, updatedNanoseconds: Int64
  ) {
    self.name = name
    self.project = project
    self.version = version
    self.stage = stage
    self.status = status
    self.source = source
    self.tags = tags
    self.aliases = aliases
    self.createdNanoseconds = createdNanoseconds
    self.updatedNanoseconds = updatedNanoseconds
  }
}

/// `GET /v1/models`.
public struct ModelList: Codable, Equatable, Sendable {
  public var models: [Model]
  /// What to hand in as `page_token` for the models that come after; nil: there are none.
  public var nextPageToken: String?

  public init(models: [Model], nextPageToken: String? = nil) {
    self.models = models
    self.nextPageToken = nextPageToken
  }
}

/// `GET /v1/models/{name}`.
public struct ModelDetails: Codable, Equatable, Sendable {
  public var model: Model
  /// The newest first.
  public var versions: [ModelVersion]

  public init(model: Model, versions: [ModelVersion]) {
    self.model = model
    self.versions = versions
  }
}

/// The body of `POST /v1/models/{name}/versions`: either `job` or `upload` says what it is made of.
public struct NewModelVersion: Codable, Equatable, Sendable {
  /// Made on first use. nil: the job's, or named after `directory`.
  public var project: String?
  /// The name of the directory that it is registered from.
  public var directory: String?
  /// A job, by identifier, prefix of one, or name; its artifacts become the version.
  public var job: String?
  /// A file or a directory among the job's artifacts; nil: all of them.
  public var path: String?
  /// The number of the volume that `POST /v1/models/trees` answered with. It is used up.
  public var upload: UInt32?
  public var description: String?
  public var tags: [String: String]?

  public init(
    project: String? = nil, directory: String? = nil, job: String? = nil, path: String? = nil, upload: UInt32? = nil,
    description: String? = nil, tags: [String: String]? = nil
  ) {
    self.project = project
    self.directory = directory
    self.job = job
    self.path = path
    self.upload = upload
    self.description = description
    self.tags = tags
  }
}

/// The body of `PATCH /v1/models/{name}` and `PATCH /v1/models/{name}/versions/{version}`. What is nil stays as it is.
public struct ModelChange: Codable, Equatable, Sendable {
  public var description: String?
  /// Of a version.
  public var stage: String?
  /// Whether versions that are in the new stage move to `Archived`.
  public var archiveOthers: Bool?
  public var setTags: [String: String]?
  public var removeTags: [String]?

  public init(
    description: String? = nil, stage: String? = nil, archiveOthers: Bool? = nil, setTags: [String: String]? = nil,
    removeTags: [String]? = nil
  ) {
    self.description = description
    self.stage = stage
    self.archiveOthers = archiveOthers
    self.setTags = setTags
    self.removeTags = removeTags
  }
}

/// The body of `PUT /v1/models/{name}/aliases/{alias}`.
public struct AliasTarget: Codable, Equatable, Sendable {
  /// A number, another alias, a stage or `latest`.
  public var version: String

  public init(version: String) { self.version = version }
}

/// `GET /v1/models/{name}/versions/{version}/files`: in the order of the paths' bytes.
public struct ModelFileList: Codable, Equatable, Sendable {
  public var version: ModelVersion
  public var files: [ModelFileEntry]

  public init(version: ModelVersion, files: [ModelFileEntry]) {
    self.version = version
    self.files = files
  }
}

/// A file of a version.
public struct ModelFileEntry: Codable, Equatable, Sendable {
  /// Relative to the version's directory.
  public var path: String
  public var size: UInt64
  /// 64 hexadecimal digits.
  public var sha256: String

  public init(path: String, size: UInt64, sha256: String) {
    self.path = path
    self.size = size
    self.sha256 = sha256
  }
}

/// What the removal of a version, or of a model with all of them, gave back.
public struct RemovedModel: Codable, Equatable, Sendable {
  public var versions: Int
  /// Of their files. What no other file shares is given back when garbage is collected.
  public var bytes: UInt64

  public init(versions: Int, bytes: UInt64) {
    self.versions = versions
    self.bytes = bytes
  }
}
