/// The commit of a git repository that a job was started from.
public struct GitCommit: Hashable, Codable, Sendable {
  /// Its identifier, in hexadecimal digits.
  public var commit: String
  /// nil: none was checked out.
  public var branch: String?
  /// The address of the repository `origin`, without a password; nil: there is none.
  public var repository: String?

  public init(commit: String, branch: String? = nil, repository: String? = nil) {
    self.commit = commit
    self.branch = branch
    self.repository = repository
  }
}
