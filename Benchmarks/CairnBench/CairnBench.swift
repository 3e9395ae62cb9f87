import Glibc

/// Runs the same workloads in a directory on the host's file system and in one on Cairn's mount, turn and turn
/// about, and prints a Markdown table of the medians.
@main
struct CairnBench {
  static let usage = """
    usage: cairn-bench --below DIRECTORY --mount DIRECTORY [--remount COMMAND] [--archive FILE.tar]
                       [--rounds N] [--quick]
      --below    a directory on the file system that also holds Cairn's store
      --mount    a directory inside of Cairn's mount
      --remount  run before each cold measurement on the mount, so that the daemon's caches are cold too
      --archive  a tar archive to unpack and remove
      --rounds   how often each workload is run; the table has the medians (3)
      --quick    smaller sizes, one round
    """

  static func main() {
    let options = Options(CommandLine.arguments.dropFirst())
    let places = [
      Place(name: "below", directory: options.below, remountCommand: nil),
      Place(name: "mount", directory: options.mount, remountCommand: options.remount),
    ]
    let work = workloads(scale: options.quick ? .quick : .full, archive: options.archive)
    var measurements: [[[Double]]] = work.map { _ in places.map { _ in [] } }

    for round in 1...options.rounds {
      for place in places { makeDirectory("\(place.directory)/\(round)") }
      for (number, workload) in work.enumerated() {
        // Each place goes first in every second round.
        for index in round % 2 == 1 ? [0, 1] : [1, 0] {
          switch workload.caches {
          case .untouched: sync()
          case .cold: places[index].forgetCaches()
          case .warm: _ = workload.body(places[index], round)
          }
          let start = nanoseconds()
          let amount = workload.body(places[index], round)
          let seconds = Double(nanoseconds() - start) / 1e9
          measurements[number][index].append(workload.unit == .seconds ? seconds : amount / seconds)
          print(
            "round \(round)  \(places[index].name)  \(workload.name): "
              + show(measurements[number][index].last!, workload.unit), to: &standardError)
        }
      }
      for place in places { run("rm", "-r", "\(place.directory)/\(round)") }
    }
    printTable(work, measurements.map { $0.map(median) }, rounds: options.rounds)
  }

  private static func printTable(_ work: [Workload], _ medians: [[Double]], rounds: Int) {
    print("| | below | Cairn | Cairn's time, below = 1 |")
    print("|---|--:|--:|--:|")
    for (workload, medians) in zip(work, medians) {
      let ratio = workload.unit == .seconds ? medians[1] / medians[0] : medians[0] / medians[1]
      print(
        "| \(workload.name) | \(show(medians[0], workload.unit)) | \(show(medians[1], workload.unit))"
          + " | \(decimal(ratio, 2)) |")
    }
    print("\nMedians of \(rounds) \(rounds == 1 ? "round" : "rounds").")
  }

  private static func show(_ value: Double, _ unit: Workload.Unit) -> String {
    switch unit {
    case .operations: decimal(value, 0) + unit.rawValue
    case .mebibytes: decimal(value, 0) + " " + unit.rawValue
    case .seconds: decimal(value, 2) + " " + unit.rawValue
    }
  }
}

struct Options {
  var below = ""
  var mount = ""
  var remount: String?
  var archive: String?
  var rounds = 3
  var quick = false

  init(_ arguments: ArraySlice<String>) {
    var rest = arguments
    func value() -> String {
      guard let value = rest.popFirst() else { Self.refuse() }
      return value
    }
    while let argument = rest.popFirst() {
      switch argument {
      case "--below": below = value()
      case "--mount": mount = value()
      case "--remount": remount = value()
      case "--archive": archive = value()
      case "--rounds":
        guard let number = Int(value()), number > 0 else { Self.refuse() }
        rounds = number
      case "--quick":
        quick = true
        rounds = 1
      default: Self.refuse()
      }
    }
    guard !below.isEmpty, !mount.isEmpty else { Self.refuse() }
  }

  private static func refuse() -> Never {
    print(CairnBench.usage, to: &standardError)
    exit(2)
  }
}

func nanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// `value` with so many decimals and commas between the thousands.
func decimal(_ value: Double, _ decimals: Int) -> String {
  let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
  let rounded = Int((value * Double(scale)).rounded())
  var digits = String(rounded / scale)
  var position = digits.count - 3
  while position > 0 {
    digits.insert(",", at: digits.index(digits.startIndex, offsetBy: position))
    position -= 3
  }
  guard decimals > 0 else { return digits }
  let fraction = String(rounded % scale)
  return digits + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
}

/// Calls `body` with 0 to `count` - 1, each in a thread of its own, and returns when all are done.
func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  final class Start: Sendable {
    let index: Int
    let body: @Sendable (Int) -> Void
    init(_ index: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.index = index
      self.body = body
    }
  }
  let threads = (0..<count).map { index in
    var thread = pthread_t()
    let start = Unmanaged.passRetained(Start(index, body)).toOpaque()
    errno = pthread_create(
      &thread, nil,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        start.body(start.index)
        return nil
      }, start)
    guard errno == 0 else { fail("start a thread") }
    return thread
  }
  for thread in threads { pthread_join(thread, nil) }
}
