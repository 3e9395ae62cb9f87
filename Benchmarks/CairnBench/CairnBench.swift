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

    // What the null file system takes is half of the floor, so without it there is none.
    let null = options.places.firstIndex { $0.name == "null" }
    let store = null.map { _ in StoreFiles(in: options.places[0].directory + "/store", options.scale) }
    var storeRates: [[Double]] = work.map { _ in [] }

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
          let (amount, seconds) = await timed { await workload.body(place, round) }
          if seconds > 60 { slow.insert([number, index]) }
          await workload.tidyUp?(place, round)
          measurements[number][index].append(amount / seconds)
          print(
            "round \(round)  \(place.name)  \(workload.name): " + workload.unit.show(amount / seconds),
            to: &standardError)
        }
      }
      for (number, workload) in work.enumerated() {
        guard let store, let storeWork = workload.storeWork else { continue }
        sync()
        switch storeWork.caches {
        case .untouched: break
        case .cold: options.places[0].forgetCaches()
        case .warm: _ = storeWork.body(store, round)
        }
        let (amount, seconds) = await timed { storeWork.body(store, round) }
        storeRates[number].append(amount / seconds)
      }
      for place in options.places { run("rm", "-r", "\(place.directory)/\(round)") }
    }
    func result(_ rates: [Double]) -> Double? { options.best ? rates.max() : median(rates) }
    let rates = measurements.map { $0.map(result) }
    let floors = work.indices.map { number -> Double? in
      guard let null, let transport = rates[number][null] else { return nil }
      guard let storeWork = work[number].storeWork, let store = result(storeRates[number]) else { return transport }
      return storeWork.rate(transport: transport, store: store)
    }
    printTable(work, options.places, rates, floors: null == nil ? nil : floors)
    let rounds = "\(options.rounds) \(options.rounds == 1 ? "round" : "rounds")"
    print(options.best ? "\nThe best of \(rounds)." : "\nMedians of \(rounds).")
  }
}

/// How much was done, and in how many seconds.
nonisolated(nonsending) private func timed(
  _ body: () async -> Double
) async -> (amount: Double, seconds: Double) {
  let start = nanoseconds()
  let amount = await body()
  return (amount, Double(nanoseconds() - start) / 1e9)
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
