import Containers
import ControlDatabase
import Daemon
import ExperimentFiles
import FoundationEssentials
import Jobs
import Linux
import Searchers

/// Why nobody proposes parameters.
struct SuggesterError: Error, CustomStringConvertible {
  let description: String
}

/// Optuna, in a container that is started whenever parameters are wanted. Its study is a journal in a file, so it needs
/// nothing to stay alive, and what it once proposed for a trial it proposes again.
struct OptunaSuggester: TrialSuggester {
  /// How long one run may take: Gaussian processes need minutes once there are many trials.
  private static let patience = Duration.seconds(1800)
  private static let directoryInContainer = "/run/cairn/optuna"

  let experiment: String
  let suggester: Suggester
  let sweep: Sweep
  let podman: Podman
  /// The control plane's.
  let directory: String
  let maskedPaths: [String]

  init(
    experiment: String, _ suggester: Suggester, _ sweep: Sweep, podman: Podman, directory: String, maskedPaths: [String]
  ) {
    self.experiment = experiment
    self.suggester = suggester
    self.sweep = sweep
    self.podman = podman
    self.directory = directory
    self.maskedPaths = maskedPaths
  }

  // MARK: The two files

  private struct Ask: Encodable {
    struct Told: Encodable {
      var trial: Int
      var outcome: String
      var value: Double?
      var time: Int64?
    }

    struct Dimension: Encodable {
      var name: String
      /// 0: a number from 0 to 1.
      var choices: Int

      func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(name)
        try container.encode(choices)
      }
    }

    var seed: UInt64
    var sampler: String
    var startupTrials: Int
    var goal: String
    var space: [Dimension]
    var told: [Told]
    var trials: [Int]
  }

  private struct Answer: Decodable {
    var trial: Int
    var point: [Double]
  }

  func suggest(_ numbers: [Int], trials: [Trial]) async throws -> [Int: [Parameter]] {
    let files = "\(directory)/experiments/\(experiment)/optuna"
    try makeDirectories(files)
    let ask = Ask(
      seed: sweep.search.seed & 0xFFFF_FFFF, sampler: suggester.sampler.rawValue,
      startupTrials: suggester.startupTrials, goal: sweep.search.goal.rawValue,
      space: free.map { .init(name: $0.name, choices: $0.distribution.choices?.count ?? 0) },
      told: trials.compactMap { trial in
        trial.outcome.map {
          .init(trial: trial.number, outcome: $0.rawValue, value: trial.best, time: trial.lastTime)
        }
      }, trials: numbers)
    try JSONEncoder().encode(ask).write(to: URL(filePath: files + "/ask.json"))
    try Data(PackageResources.suggest_py).write(to: URL(filePath: files + "/suggest.py"))
    try? FileManager.default.removeItem(atPath: files + "/answer.json")
    try await run(files)
    let answers: [Answer]
    do {
      answers = try JSONDecoder().decode([Answer].self, from: Data(contentsOf: URL(filePath: files + "/answer.json")))
    } catch {
      throw SuggesterError(description: "Optuna's answer can't be read: \(error)")
    }
    var parameters: [Int: [Parameter]] = [:]
    for answer in answers where answer.point.count == free.count {
      parameters[answer.trial] = sweep.search.space.parameters(fromSuggested: answer.point)
    }
    guard numbers.allSatisfy({ parameters[$0] != nil }) else {
      throw SuggesterError(description: "Optuna did not answer for all trials it was asked for")
    }
    return parameters
  }

  private var free: [SearchSpace.Dimension] { sweep.search.space.dimensions.filter { !$0.distribution.isConstant } }

  // MARK: The container

  private func run(_ files: String) async throws {
    let name = suggesterContainerPrefix + experiment
    let overlay = HostOverlay(directory: "\(directory)/overlays/\(name)")
    func clean() async throws {
      try await podman.remove(name)
      try await overlay.remove()
    }
    // What a daemon that ended has left, and what a podman that it called was about to start.
    try await podman.settle(label: "io.cairn.experiment", value: experiment)
    try await clean()
    let log = files + "/log"
    try? FileManager.default.removeItem(atPath: log)
    let isHost = suggester.image == JobRequest.hostImage
    if isHost {
      try overlay.mount()
    } else {
      do {
        _ = try await podman.provide(image: suggester.image) {}
      } catch let error as ContainerError {
        throw SuggesterError(description: "Optuna's image is not to be had: \(error)")
      }
    }
    do {
      var specification = ContainerSpecification(
        name: name, root: isHost ? .directory(overlay.root) : .image(suggester.image),
        command: [suggester.python, Self.directoryInContainer + "/suggest.py"], workingDirectory: "/",
        environment: isHost ? ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] : [:],
        mounts: isHost ? overlay.mounts(masking: maskedPaths + [directory]) : [],
        // By which a daemon that comes after finds it, as it finds those of jobs.
        labels: ["io.cairn.instance": directory, "io.cairn.experiment": experiment],
        logPath: log, environmentPath: "\(directory)/\(name).env")
      specification.mounts.append(.init(.directory(files, readOnly: false), at: Self.directoryInContainer))
      try await podman.start(specification)
      let end = try await withThrowingTaskGroup(of: ContainerEnd?.self) { group in
        group.addTask { try await podman.wait(for: name, memoryLimit: nil) }
        group.addTask {
          try await Task.sleep(for: Self.patience)
          return nil
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
      }
      guard case .ended(0, _, _)? = end else {
        let lines = (try? ContainerLogFile(path: log).read()) ?? []
        throw SuggesterError(
          description: "Optuna could propose no parameters: \(lines.last?.text ?? "it ended without a word"); the key "
            + "`optuna` of the file says which image and which Python have it")
      }
    } catch {
      // Also where the search was stopped, in which case this task would start no podman any more. What fails here is
      // done by the next run, and what is to be told is why this one ended.
      await Task { try? await clean() }.value
      throw error
    }
    try await clean()
  }
}
