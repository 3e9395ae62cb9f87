/// A run of the tracker that a job has made.
public struct JobRun: Codable, Equatable, Sendable {
  /// As MLflow's clients know it.
  public var id: String
  public var name: String
  /// `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
  public var status: String
  /// The number of its experiment in the job's project.
  public var experiment: Int64
  public var attempt: Int64?
  /// Milliseconds since 1970.
  public var startMilliseconds: Int64
  public var endMilliseconds: Int64?

  public init(
    id: String, name: String, status: String, experiment: Int64, attempt: Int64?, startMilliseconds: Int64,
    endMilliseconds: Int64?
  ) {
    self.id = id
    self.name = name
    self.status = status
    self.experiment = experiment
    self.attempt = attempt
    self.startMilliseconds = startMilliseconds
    self.endMilliseconds = endMilliseconds
  }
}
