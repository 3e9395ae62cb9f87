/// Who asks, and so what they may see.
public struct Caller: Hashable, Sendable {
  /// A job's attempt that is going on, on this host, in a container with Cairn's mounts.
  public struct Attempt: Hashable, Sendable {
    public var job: String
    public var number: Int

    public init(job: String, number: Int) {
      self.job = job
      self.number = number
    }
  }

  /// The only project that they may reach; nil: all.
  public var project: String?
  /// nil: somebody elsewhere, who doesn't have the mounts.
  public var attempt: Attempt?

  public init(project: String? = nil, attempt: Attempt? = nil) {
    self.project = project
    self.attempt = attempt
  }
}
