import Glibc

/// Measures the storage daemon on stores of many files, and prints figures.
///
/// `cairn-scale build STORE FILES` makes a store, `cairn-scale measure DIRECTORY FILES` measures the daemon on it and
/// prints figures, and `cairn-scale idle DIRECTORY` does so with an idle one. scripts/bench-scale calls them and
/// makes the table.
@main
struct CairnScale {
  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let count = arguments.last.flatMap(Int.init) ?? 0
    do {
      switch (arguments.first, arguments.count) {
      case ("build", 3) where count > 0: try Builder.build(store: arguments[1], files: count)
      case ("measure", 3) where count > 0: try await Measurement(directory: arguments[1]).run(files: count)
      case ("idle", 2): try await Measurement(directory: arguments[1]).runIdle()
      default:
        fail("usage: cairn-scale build STORE FILES, measure DIRECTORY FILES, or idle DIRECTORY")
      }
    } catch {
      fail("\(error)")
    }
  }
}

func fail(_ what: String) -> Never {
  let line = "cairn-scale: \(what)\n"
  _ = write(STDERR_FILENO, line, line.utf8.count)
  exit(1)
}

/// Where everything is: in directories of 1,000 in the persistent volume.
enum Layout {
  static let filesPerDirectory = 1_000

  static func directory(_ index: Int) -> String { "\(index / filesPerDirectory)" }
  static func name(_ index: Int) -> String { "file-\(index).txt" }
  static func path(_ index: Int) -> String { "\(directory(index))/\(name(index))" }
  /// Some 20 to 300 bytes, different in each file.
  static func content(_ index: Int) -> String {
    String(repeating: "This is line \(index).\n", count: 1 + index % 13)
  }
}

func nanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

func seconds(since start: UInt64) -> Double { Double(nanoseconds() - start) / 1e9 }
