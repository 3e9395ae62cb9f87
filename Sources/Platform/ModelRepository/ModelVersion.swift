public import ModelFormats
public import Tracker

/// Where a version stands on its way into use. MLflow's word, with its names.
public enum ModelStage: String, Codable, Sendable, CaseIterable {
  case none = "None"
  case staging = "Staging"
  case production = "Production"
  case archived = "Archived"

  /// The stage of this name, in letters of either case.
  /// - Throws: ``TrackerError``
  public init(named name: String) throws(TrackerError) {
    guard let stage = Self.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else {
      throw TrackerError(
        .invalidParameterValue,
        "Invalid Model Version stage: \(name). Value must be one of None, Staging, Production, Archived.")
    }
    self = stage
  }

  /// Whether versions in it are in use, so that one may take the place of others.
  var isActive: Bool { self == .staging || self == .production }
}

/// Whether a version's files are there. MLflow's names.
public enum ModelVersionStatus: String, Codable, Sendable {
  /// They are being made, or were when the daemon ended: the next one goes on.
  case pending = "PENDING_REGISTRATION"
  case failed = "FAILED_REGISTRATION"
  case ready = "READY"
}

/// What a version's files are made from.
public enum ModelContent: Codable, Hashable, Sendable {
  /// A sealed volume that nobody else knows of, by its number. It becomes the version, and is gone then.
  case volume(UInt32)
  /// A directory or a file, by its path under the mount. It is copied as it is now, without its bytes.
  case path(String)
  /// Files that Cairn does not have, such as those of an `s3:` address: only the record is made.
  case elsewhere
}

/// What a version came of, as far as it is known.
public struct ModelLineage: Codable, Hashable, Sendable {
  public var job: String?
  /// The number of the volume that the job's workspace began as.
  public var workspaceSnapshot: UInt32?
  public var imageDigest: String?
  /// The version of which this one is a copy or a descendant, as `name/3`.
  public var parent: String?

  public init(
    job: String? = nil, workspaceSnapshot: UInt32? = nil, imageDigest: String? = nil, parent: String? = nil
  ) {
    self.job = job
    self.workspaceSnapshot = workspaceSnapshot
    self.imageDigest = imageDigest
    self.parent = parent
  }
}

/// What somebody asks to be registered.
public struct NewModelVersion: Sendable {
  /// Where the files come from, for people and for MLflow's clients: a URI.
  public var source: String
  public var content: ModelContent
  public var runID: String?
  public var runLink: String?
  /// MLflow's logged model of which it was made.
  public var modelID: String?
  public var description: String?
  public var user: String?
  public var tags: [KeyValue]
  public var lineage: ModelLineage

  public init(
    source: String, content: ModelContent, runID: String? = nil, runLink: String? = nil, modelID: String? = nil,
    description: String? = nil, user: String? = nil, tags: [KeyValue] = [], lineage: ModelLineage = ModelLineage()
  ) {
    self.source = source
    self.content = content
    self.runID = runID
    self.runLink = runLink
    self.modelID = modelID
    self.description = description
    self.user = user
    self.tags = tags
    self.lineage = lineage
  }
}

/// A version of a registered model: an immutable tree of files, and what is known of it.
public struct ModelVersion: Hashable, Sendable {
  /// The model's row.
  let model: Int64
  public let project: String
  public let name: String
  /// From 1; never given again, even if the version is removed.
  public let number: Int64
  public let stage: ModelStage
  public let status: ModelVersionStatus
  /// Why it failed.
  public let statusMessage: String?
  public let description: String?
  public let source: String
  /// Where its files lie under the mount, as `models/digits/3`; nil: not in Cairn.
  public let path: String?
  public let runID: String?
  public let runLink: String?
  public let modelID: String?
  public let user: String?
  /// Milliseconds since 1970, as are all times here.
  public let createdAt: Int64
  public let updatedAt: Int64
  /// Of the content, see ``ContentDigest``; nil until it is ready.
  public let digest: String?
  /// Of all its files.
  public let bytes: UInt64?
  public let files: Int?
  public let content: ModelDescription?
  public let lineage: ModelLineage
  /// By key.
  public internal(set) var tags: [KeyValue] = []
  /// In their order.
  public internal(set) var aliases: [String] = []

  /// Where the model's versions lie under the mount, as `models/digits`; nil: its own is not in Cairn.
  var directory: String? { path.flatMap { path in path.lastIndex(of: "/").map { String(path[..<$0]) } } }

  /// As people write it: `digits/3`.
  public var reference: String { "\(name)/\(number)" }
}

/// A name under which versions are kept.
public struct RegisteredModel: Hashable, Sendable {
  let id: Int64
  public let project: String
  public let name: String
  public let description: String?
  public let user: String?
  public let createdAt: Int64
  public let updatedAt: Int64
  /// Where its versions lie under the mount, as `models/digits`.
  public let directory: String
  /// The newest of each stage.
  public internal(set) var latestVersions: [ModelVersion] = []
  public internal(set) var tags: [KeyValue] = []
  public internal(set) var aliases: [ModelAlias] = []
}

/// A name for one of a model's versions, which may be moved to another.
public struct ModelAlias: Hashable, Sendable {
  public let alias: String
  public let version: Int64
}

/// Somebody who needs a version's files.
public struct ModelUse: Codable, Hashable, Sendable {
  public enum Kind: String, Codable, Sendable {
    case job, deployment, experiment
  }

  public var kind: Kind
  /// Its identifier.
  public var holder: String
  /// Milliseconds since 1970.
  public var since: Int64

  public init(_ kind: Kind, _ holder: String, since: Int64) {
    self.kind = kind
    self.holder = holder
    self.since = since
  }
}
