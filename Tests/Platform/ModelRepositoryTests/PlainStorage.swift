import FoundationEssentials
import Glibc
import Synchronization

@testable import ModelRepository

/// Trees of versions in a plain directory, copied with their bytes. A test may have the next calls fail.
final class PlainStorage: ModelStorage {
  struct Failure: Error {}

  let mount: String
  private let failures = Mutex(0)

  init(_ mount: String) { self.mount = mount }

  func fail(_ times: Int) { failures.withLock { $0 = times } }

  private func work() throws {
    let fails = failures.withLock { failures in
      failures -= 1
      return failures >= 0
    }
    if fails { throw Failure() }
  }

  func createVersion(at path: String, from content: ModelContent) async throws {
    try work()
    guard case .path(let source) = content else { return }
    try await removeVersion(at: path)
    let place = mount + "/" + path
    try FileManager.default.createDirectory(
      atPath: String(place[..<place.lastIndex(of: "/")!]), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: mount + "/" + source, toPath: place)
  }

  func removeVersion(at path: String) async throws {
    try work()
    if FileManager.default.fileExists(atPath: mount + "/" + path) {
      try FileManager.default.removeItem(atPath: mount + "/" + path)
    }
  }

  func setLink(_ path: String, to target: String) async throws {
    try work()
    unlink(mount + "/" + path)
    symlink(target, mount + "/" + path)
  }

  func removeLink(_ path: String) async throws {
    try work()
    unlink(mount + "/" + path)
  }

  func publish(_ view: TritonView, of path: String) async throws { try work() }
  func withdraw(model directory: String, version: Int64) async throws { try work() }
}
