import ArtifactFiles
import ControlDatabase
import JobStates
import Jobs
import Linux
import Logging
import TensorBoard
import Tracker

import struct API.ArtifactEntry

/// What running jobs write for TensorBoard, as runs of the tracker: one for each directory of event files among a job's
/// artifacts. Files are read as they grow, and once more when the attempt ends.
actor TensorBoardRuns {
  private static let interval = Duration.seconds(5)
  /// Files of one job; a program that writes more of them than this is not followed any further.
  private static let mostFiles = 1000
  private static let mark = "events.out.tfevents."

  private struct File: Sendable {
    var reader = EventReader()
    var offset: UInt64 = 0
  }

  private struct Followed: Sendable {
    var files: [String: File] = [:]
    /// The runs by directory.
    var runs: [String: String] = [:]
  }

  private let database: ControlDatabase
  private let tracker: Tracker
  private let packages: JobPackages
  /// The host's path of Cairn's mount.
  private let mount: String
  private let logger: Logger
  private var followed: [String: Followed] = [:]
  /// The job that is looked at now. One at a time: two looks at the same job would make its runs twice.
  private var current: Task<Void, Never>?

  init(database: ControlDatabase, tracker: Tracker, packages: JobPackages, mount: String, logger: Logger) {
    self.database = database
    self.tracker = tracker
    self.packages = packages
    self.mount = mount
    self.logger = logger
  }

  /// Until it is cancelled.
  func run() async throws {
    while true {
      try await Task.sleep(for: Self.interval)
      for job in try await database.unfinishedJobs() where job.state == .running {
        await follow(job, attempt: job.attempt)
      }
    }
  }

  /// Reads what is left of an attempt that has ended.
  func finish(_ job: Job, attempt: Int) async {
    await follow(job, attempt: attempt)
    followed["\(job.id)-\(attempt)"] = nil
  }

  private func follow(_ job: Job, attempt: Int) async {
    let before = current
    let look = Task {
      await before?.value
      await self.look(at: job, attempt: attempt)
    }
    current = look
    await look.value
  }

  /// That an event file can't be read is no reason to fail: the job's own files are there all the same.
  private func look(at job: Job, attempt: Int) async {
    do {
      let directory = ArtifactDirectory(root: "\(mount)/artifacts/\(job.project)/\(job.id)")
      let entries = try await offPool { try directory.list([], recursive: true) }
      let files = entries.filter { entry in
        entry.kind == .file && entry.path.split(separator: "/").last?.contains(Self.mark) ?? false
      }
      for entry in files.prefix(Self.mostFiles) { try await read(entry, in: directory, job, attempt) }
    } catch {
      logger.debug("TensorBoard's files of job \(job.id) are not followed: \(error)")
    }
  }

  private func read(_ entry: ArtifactEntry, in directory: ArtifactDirectory, _ job: Job, _ attempt: Int) async throws {
    let key = "\(job.id)-\(attempt)"
    var file = followed[key]?.files[entry.path] ?? File()
    guard entry.size > file.offset, !file.reader.isDamaged else { return }
    let path = Array(entry.pathBytes)
    let opened = try await offPool { try directory.open(path) }
    guard opened.size > file.offset else { return }
    var events: [ScalarEvent] = []
    for try await piece in opened.pieces(file.offset..<opened.size) {
      events += file.reader.read(piece)
      file.offset += UInt64(piece.count)
      if events.count >= Limits.batchMetrics {
        try await log(events, of: entry, job, attempt)
        events = []
      }
    }
    try await log(events, of: entry, job, attempt)
    // Only now: what could not be logged is read again.
    followed[key, default: Followed()].files[entry.path] = file
  }

  private func log(_ events: [ScalarEvent], of entry: ArtifactEntry, _ job: Job, _ attempt: Int) async throws {
    if events.isEmpty { return }
    let directory = entry.path.split(separator: "/").dropLast().joined(separator: "/")
    let project = try await tracker.project(job.project)
    let run = try await run(directory, job, attempt, project)
    let metrics = events.compactMap { event -> LoggedMetric? in
      // Names that the tracker doesn't take are few; they are in the file still.
      guard (try? Limits.checkKey(event.tag, "metric")) != nil else { return nil }
      let point = MetricPoint(step: event.step, timestamp: Int64(event.time * 1000), value: event.value)
      return LoggedMetric(key: event.tag, point: point)
    }
    try await project.log(LogBatch(metrics: metrics), to: run)
  }

  /// The run of a directory: of an earlier daemon's making, or a new one.
  private func run(_ directory: String, _ job: Job, _ attempt: Int, _ project: ProjectTracker) async throws -> String {
    let key = "\(job.id)-\(attempt)"
    if let run = followed[key]?.runs[directory] { return run }
    var found: String?
    for run in try await tracker.runs(of: job.id) where run.attempt == Int64(attempt) {
      let tags = try await project.run(run.identifier).tags
      if tags.contains(KeyValue(Tracker.directoryTag, directory)) { found = run.identifier }
    }
    if found == nil {
      found = try await project.createRun(
        NewRun(
          experiment: project.provideExperiment(job.request.environment["MLFLOW_EXPERIMENT_NAME"] ?? job.project),
          name: directory.isEmpty ? job.name : directory,
          user: nil, startTime: nil,
          tags: [KeyValue(Tracker.directoryTag, directory), KeyValue("cairn.job_id", job.id)], job: job.id,
          attempt: attempt)
      ).run.identifier
      await packages.record(of: job.id, attempt: attempt)
    }
    followed[key, default: Followed()].runs[directory] = found
    return found ?? ""
  }
}
