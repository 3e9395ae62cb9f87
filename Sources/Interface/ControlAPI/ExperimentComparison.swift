import API
import ArtifactFiles
import Configuration
import ControlDatabase
import ExperimentFiles
import Experiments
import FoundationEssentials
import JobStates
import Jobs
import Linux
import ModelFormats
import Tracker
import Wire

extension ControlAPI {
  private static let mostReferences = 10

  /// What differs between jobs: parameters, metrics, artifacts.
  func compare(_ references: [String]) async throws -> Comparison {
    guard (2...Self.mostReferences).contains(references.count) else {
      throw APIError.invalid("2 to \(Self.mostReferences) jobs can be compared.", subject: "references")
    }
    var compared: [PlatformJob] = []
    for reference in references { compared.append(try await job(named: reference)) }
    var parameters: [[String: String]] = []
    var metrics: [[String: String]] = []
    for job in compared {
      let logged = try await logged(job)
      parameters.append(logged.parameters)
      metrics.append(logged.metrics)
    }
    return Comparison(
      jobs: compared.map(\.id), parameters: Self.rows(parameters, differingOnly: true),
      metrics: Self.rows(metrics, differingOnly: false), files: try await files(of: compared))
  }

  /// A job, `EXPERIMENT/NUMBER`, or an experiment.
  private func job(named reference: String) async throws -> PlatformJob {
    let parts = reference.split(separator: "/", maxSplits: 1).map(String.init)
    if parts.count == 1, let job = try? await jobs.find(reference) { return job }
    let experiment = try await experiments.find(parts.first ?? reference)
    let report = try await experiments.report(experiment.id)
    let candidates =
      report.trials.map { ($0.trial.number, $0.trial.job) } + report.replicas.map { ($0.replica.rank, $0.replica.job) }
    var wanted = API.Experiment(experiment, report.summary).bestTrial ?? 0
    if parts.count == 2 {
      guard let number = Int(parts[1]) else {
        throw APIError.invalid("`\(reference)` is no job and no EXPERIMENT/NUMBER.", subject: reference)
      }
      wanted = number
    }
    guard let found = candidates.last(where: { $0.0 == wanted })?.1 else {
      throw APIError.notFound("Experiment \(experiment.name) has no job \(wanted).", subject: reference)
    }
    return try await jobs.find(found)
  }

  /// What a job's runs have logged: parameters, and the last values of metrics.
  private func logged(_ job: PlatformJob) async throws -> (parameters: [String: String], metrics: [String: String]) {
    var parameters: [String: String] = [:]
    // A trial that has logged nothing has its parameters all the same.
    for (name, value) in job.request.environment where name.hasPrefix(TrialCommand.variablePrefix) {
      parameters[String(name.dropFirst(TrialCommand.variablePrefix.count))] = value
    }
    var metrics: [String: String] = [:]
    let project = try await tracker.project(job.project)
    var hasRunParameters = false
    for run in try await tracker.runs(of: job.id) where run.stage == .active {
      let logged = try await project.run(run.identifier)
      if !logged.parameters.isEmpty, !hasRunParameters {
        parameters = [:]
        hasRunParameters = true
      }
      for parameter in logged.parameters { parameters[parameter.key] = parameter.value }
      // What the host measured is another matter.
      for metric in logged.metrics where !metric.key.hasPrefix("system/") {
        metrics[metric.key] = "\(metric.point.value)"
      }
    }
    return (parameters, metrics)
  }

  private static func rows(_ sides: [[String: String]], differingOnly: Bool) -> [Comparison.Row] {
    Set(sides.flatMap(\.keys)).sorted().compactMap { name in
      let values = sides.map { $0[name] }
      return differingOnly && Set(values).count == 1 ? nil : Comparison.Row(name: name, values: values)
    }
  }

  // MARK: Files

  private func files(of compared: [PlatformJob]) async throws -> [Comparison.Row] {
    let directories = compared.map {
      ArtifactDirectory(root: configuration.storage.mount + "/artifacts/\($0.project)/\($0.id)")
    }
    var sides: [[String: ArtifactEntry]] = []
    for directory in directories {
      let entries = try await offPool { try directory.list([], recursive: true) }
      sides.append(Dictionary(entries.filter { $0.kind == .file }.map { ($0.path, $0) }) { $1 })
    }
    var rows: [Comparison.Row] = []
    for path in Set(sides.flatMap(\.keys)).sorted() {
      let entries = sides.map { $0[path] }
      // Where sizes differ, contents do, and need not be read.
      var values = entries.map { entry in entry.map { "\($0.size) B" } }
      if Set(values).count == 1 {
        for (index, entry) in entries.enumerated() {
          if let entry { values[index]? += " " + (try await digest(of: entry, in: directories[index])).prefix(12) }
        }
        if Set(values).count == 1 { continue }
      }
      rows.append(Comparison.Row(name: path, values: values))
    }
    return rows
  }

  private func digest(of entry: ArtifactEntry, in directory: ArtifactDirectory) async throws -> String {
    let file = try await offPool { try directory.open(Array(entry.pathBytes)) }
    let digest = ContentDigest()
    do {
      for try await piece in file.pieces(0..<file.size) { piece.withUnsafeBytes { digest.update($0) } }
    } catch {
      _ = digest.finish()
      throw error
    }
    return digest.finish()
  }
}
