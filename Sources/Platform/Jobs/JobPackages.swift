public import Containers
public import ControlDatabase
import FoundationEssentials
import JobStates
import Linux
public import Logging

/// The Python packages that jobs' programs have at hand, written down once for each attempt, when its first run is made:
/// then a Python is there that can be looked at.
public actor JobPackages {
  private let files: JobFiles
  private let database: ControlDatabase
  private let podman: Podman
  private let logger: Logger
  /// Attempts that were looked at.
  private var seen: Set<String> = []

  /// - Parameter directory: the control plane's.
  public init(directory: String, database: ControlDatabase, podman: Podman, logger: Logger) {
    files = JobFiles(directory: directory)
    self.database = database
    self.podman = podman
    self.logger = logger
  }

  /// Looks at what runs in an attempt's container, unless that was done. That nothing is found out is no reason to fail.
  public func record(of job: String, attempt number: Int) async {
    let path = files.packages(of: job, attempt: number)
    guard seen.insert(path).inserted, !FileManager.default.fileExists(atPath: path) else { return }
    do {
      let attempt = try await database.attempt(number, of: job)
      // What podman knows of a container is noted soon after its command begins.
      var pid = attempt.process?.pid
      if pid == nil { pid = try await podman.status(of: attempt.container)?.pid }
      guard let pid, pid > 0, let packages = try await offPool({ PythonPackages.read(container: pid) }) else { return }
      try writeFile(path, packages.text)
    } catch {
      logger.warning("the Python packages of job \(job) are not recorded: \(error)")
    }
  }

  /// A requirements file; nil: none was recorded.
  public func recorded(of job: String, attempt: Int) -> String? {
    // A program that makes no run has none.
    try? String(contentsOfFile: files.packages(of: job, attempt: attempt), encoding: .utf8)
  }

  /// For an attempt that has ended: its files stay until the job is removed.
  public func forget(_ job: String, attempt: Int) { seen.remove(files.packages(of: job, attempt: attempt)) }
}
