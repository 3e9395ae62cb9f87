import JobStates

/// A job that starts, and the devices that it gets.
public struct JobStart: Hashable, Sendable {
  public var job: String
  public var slots: [DeviceSlot]
}

/// What to do now.
public struct SchedulerDecision: Sendable {
  /// Jobs that start now. Those of an inner array start together or not at all.
  public var starts: [[JobStart]] = []
  /// Jobs that are to be told to end, and to be queued again.
  public var preemptions: [String] = []
  /// The jobs that go on waiting, in the order of their turns, and why.
  public var waiting: [(job: String, reason: WaitReason)] = []
  /// The job for which resources are kept, and when it starts at the latest, in nanoseconds since 1970; nil: nobody
  /// knows. Of a group it is the first one.
  public var reservation: (job: String, by: Int64?)?
}

/// Decides which jobs start now.
///
/// A full pass over the queue in the order of turns (``SchedulerInput/candidatesInOrder(_:)``). What fits starts. For the
/// first that does not fit, what it needs is kept from the moment when it will be free; whatever comes after starts only
/// if it ends before that, by its time limit, or leaves enough for it. So large jobs come to their turn, and what is idle
/// until then is used. (EASY backfilling: Lifka, “The ANL/IBM SP scheduling system”, 1995.) The same input always gives
/// the same decision.
public func schedule(_ input: SchedulerInput) -> SchedulerDecision {
  let table = ProjectTable(input)
  var pass = SchedulingPass(input, table)
  for candidate in input.candidatesInOrder(table) { pass.consider(candidate) }
  return pass.decision
}
