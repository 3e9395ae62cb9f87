import ArgumentParser
import FoundationEssentials

/// A number of bytes, written such as `512m`, `8g`, `1.5TiB` or `4096`. The units are powers of 1024.
struct ByteCount: ExpressibleByArgument, Equatable {
  var bytes: UInt64

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let shift: UInt64
    switch argument.dropFirst(digits.count).lowercased() {
    case "", "b": shift = 0
    case "k", "kb", "kib": shift = 10
    case "m", "mb", "mib": shift = 20
    case "g", "gb", "gib": shift = 30
    case "t", "tb", "tib": shift = 40
    default: return nil
    }
    guard let number = Double(digits), number.isFinite else { return nil }
    let bytes = number * Double(1 << shift)
    guard bytes < 9e18 else { return nil }
    self.bytes = UInt64(bytes.rounded())
  }
}

/// A time span in whole seconds, written such as `90s`, `30m`, `2h`, `1d`, `1h30m`, `1.5h` or `45`.
struct Seconds: ExpressibleByArgument, Equatable {
  var seconds: Int

  init?(argument: String) {
    var total = 0.0
    var rest = argument[...]
    if rest.allSatisfy({ $0.isASCII && $0.isNumber }) { rest += "s" }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      guard let number = Double(digits), let unit = rest.dropFirst(digits.count).first else { return nil }
      switch unit {
      case "s": total += number
      case "m": total += number * 60
      case "h": total += number * 3600
      case "d": total += number * 86400
      default: return nil
      }
      rest = rest.dropFirst(digits.count + 1)
    }
    guard total <= Self.longest, total == total.rounded(), !argument.isEmpty else { return nil }
    seconds = Int(total)
  }

  /// A hundred years: keeps sums from overflowing.
  private static let longest = 3_155_760_000.0
}

/// Bytes for people, such as `1.5 GiB`.
func describe(bytes: UInt64) -> String {
  var value = Double(bytes)
  var unit = 0
  let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
  // What would be rounded to 1024 is one of the next unit already.
  while value >= 1023.95 && unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  if bytes < 1024 { return "\(bytes) B" }
  return "\((value * 10).rounded() / 10) \(units[unit])"
}

/// A span for people, such as `2h05m`, from nanoseconds.
func describe(nanoseconds: Int64) -> String {
  let seconds = max(0, nanoseconds) / 1_000_000_000
  func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
  if seconds < 60 { return "\(seconds)s" }
  if seconds < 3600 { return "\(seconds / 60)m\(two(seconds % 60))s" }
  if seconds < 86400 { return "\(seconds / 3600)h\(two(seconds / 60 % 60))m" }
  return "\(seconds / 86400)d\(two(seconds / 3600 % 24))h"
}

/// A point in time, in UTC, such as `2026-08-01T12:00:00Z`.
func describe(time nanoseconds: Int64) -> String {
  Date(timeIntervalSince1970: Double(nanoseconds / 1_000_000_000)).formatted(.iso8601)
}
