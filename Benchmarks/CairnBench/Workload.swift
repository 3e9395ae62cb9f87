/// How much is done; `quick` keeps a whole run near a minute.
struct Scale {
  var files = 10_000
  var largeMebibytes = 512
  var copiedMebibytes = 4096
  var randomReads = 4_000
  var synchronousWrites = 500
  /// How often warm work that takes only milliseconds is done in one measurement.
  var passes = 5

  static let full = Scale()
  static let quick = Scale(
    files: 2_000, largeMebibytes: 64, copiedMebibytes: 256, randomReads: 500, synchronousWrites: 100, passes: 5)
}

/// One line of the table. `body` does the work in a place and returns how much that was; the driver takes the time.
struct Workload {
  enum Unit {
    case operations
    case mebibytes
    /// The whole is one piece of work, and the table shows how long it took.
    case seconds

    /// `rate` pieces of work a second.
    func show(_ rate: Double) -> String {
      switch self {
      case .operations: decimal(rate, 0) + "/s"
      case .mebibytes: decimal(rate, 0) + " MiB/s"
      case .seconds where rate > 10: decimal(1000 / rate, 1) + " ms"
      case .seconds: decimal(1 / rate, 2) + " s"
      }
    }
  }

  enum Caches {
    /// As the workload before left them.
    case untouched
    /// Forgotten, the server's own too.
    case cold
    /// Filled by doing the work once before it is timed. Needed because making one place cold drops the kernel's
    /// caches of all.
    case warm
  }

  /// What Cairn wants to reach.
  enum Goal {
    /// At least this much of the rate of the file system below.
    case rate(Double)
    /// Less than so many milliseconds, whatever the file system below does.
    case milliseconds(Double)
  }

  let name: String
  let unit: Unit
  var goal: Goal?
  var caches = Caches.untouched
  /// Where it can be done at all.
  var isFor: (Place) -> Bool = { _ in true }
  /// Done once in each place, before the first measurement.
  var setUp: ((Place) async -> Void)?
  /// Done after each measurement.
  var tidyUp: ((Place, _ round: Int) async -> Void)?
  let body: (Place, _ round: Int) async -> Double
}

/// In the order in which they are run: later ones work on what earlier ones made.
func workloads(_ options: Options) -> [Workload] {
  let scale = options.quick ? Scale.quick : .full
  let trees = options.archive.map { tree($0, without: options.withoutTree) } ?? []
  return smallFiles(scale) + removal(scale) + largeFiles(scale) + pages(scale) + copies(scale) + trees
}
