import Foundation

/// A small generator whose sequence is the same in every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

func temporaryDirectory() throws -> String {
  let path = NSTemporaryDirectory() + "/cairn-workspace." + UUID().uuidString
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  return path
}

struct CommandFailed: Error {
  let command: [String]
  let status: Int32
}

/// Runs a program found by PATH and returns what it printed.
@discardableResult
func run(_ program: String, _ arguments: [String], allowed: Set<Int32> = [0]) throws -> String {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  let pipe = Pipe()
  process.standardOutput = pipe
  try process.run()
  let output = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  if !allowed.contains(process.terminationStatus) {
    throw CommandFailed(command: [program] + arguments, status: process.terminationStatus)
  }
  return String(decoding: output, as: UTF8.self)
}
