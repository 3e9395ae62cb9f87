import Glibc
import StorageAPI

/// One of the directories that are compared, and what it takes to forget what was cached of it.
struct Place: Sendable {
  static let cairn = "Cairn"

  let name: String
  let directory: String
  /// nil: there is no server to be told anything.
  let hook: String?
  /// Cairn's storage daemon.
  let client: StorageClient?

  /// Drops the kernel's caches, and the server's by restarting it.
  func forgetCaches() {
    sync()
    if let hook { run("sh", "-c", "\(hook) cold \(name)") }
    let descriptor = openFile("/proc/sys/vm/drop_caches", O_WRONLY)
    guard write(descriptor, "3", 1) == 1 else { fail("drop the caches") }
    closeFile(descriptor)
  }

  /// Returns when nothing is left to be done of what programs have been told is done.
  func settle() async {
    if let client {
      do {
        // A checkpoint of all that came before. What comes meanwhile is nothing: nobody writes.
        try await client.synchronize()
        guard try await client.usage().stagedBytes == 0 else { fail(expecting: "no staged bytes after a sync") }
      } catch {
        fail(expecting: "an answer of the storage daemon, not: \(error)")
      }
    } else if let hook {
      run("sh", "-c", "\(hook) settle \(name)")
    }
  }
}
