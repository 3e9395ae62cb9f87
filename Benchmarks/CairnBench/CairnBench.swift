import Glibc

/// Runs the same workloads in directories of several file systems, turn and turn about, and prints a Markdown table.
@main
struct CairnBench {
  static func main() async {
    let options = Options(CommandLine.arguments.dropFirst())
    var work = workloads(options)
    if let socket = options.socket { work.append(await cloneWorkload(options.quick ? 20_000 : 1_000_000, socket)) }
    if let only = options.only { work = work.filter { $0.name.contains(only) } }
    var measurements: [[[Double]]] = work.map { _ in options.places.map { _ in [] } }

    // What takes so long that a whole run would take hours is measured once: workload and place.
    var slow: Set<[Int]> = []

    for round in 1...options.rounds {
      for place in options.places { makeDirectory("\(place.directory)/\(round)") }
      for (number, workload) in work.enumerated() {
        for turn in options.places.indices {
          // Another one begins each time.
          let index = (turn + round + number) % options.places.count
          let place = options.places[index]
          guard workload.isFor(place), !slow.contains([number, index]) else { continue }
          if round == 1 { await workload.setUp?(place) }
          // What one has left to do in the background must not be charged to another.
          sync()
          for other in options.places { await other.settle() }
          sync()
          switch workload.caches {
          case .untouched: break
          case .cold: place.forgetCaches()
          case .warm: _ = await workload.body(place, round)
          }
          let start = nanoseconds()
          let amount = await workload.body(place, round)
          let seconds = Double(nanoseconds() - start) / 1e9
          if seconds > 60 { slow.insert([number, index]) }
          await workload.tidyUp?(place, round)
          measurements[number][index].append(amount / seconds)
          print(
            "round \(round)  \(place.name)  \(workload.name): " + workload.unit.show(amount / seconds),
            to: &standardError)
        }
      }
      for place in options.places { run("rm", "-r", "\(place.directory)/\(round)") }
    }
    printTable(work, options.places, measurements.map { $0.map { options.best ? $0.max() : median($0) } })
    let rounds = "\(options.rounds) \(options.rounds == 1 ? "round" : "rounds")"
    print(options.best ? "\nThe best of \(rounds)." : "\nMedians of \(rounds).")
  }
}

func nanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
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
