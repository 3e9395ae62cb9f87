import FileSystem
import FoundationEssentials
import HTTPService
import Linux
import Logging
import StorageAPI
import StorageService
import TestSupport

/// A new store in a directory of its own, with the admin API before it.
func withStore(_ body: (StorageClient, FileSystem) async throws -> Void) async throws {
  let temporary = TemporaryDirectory()
  defer { withExtendedLifetime(temporary) {} }
  let directory = temporary.path
  try FileManager.default.createDirectory(atPath: directory + "/store", withIntermediateDirectories: true)
  let fileSystem = try FileSystem(
    disk: LocalDisk(root: directory + "/store"), catalogDirectory: directory + "/store")
  defer { fileSystem.close() }
  let threads = StoreThreads(count: 4)
  defer { threads.stop() }
  let service = StorageService(
    fileSystem: fileSystem, threads: threads,
    identity: .init(storageDirectory: directory + "/store", mount: "/nowhere", persistentMount: nil),
    kernelRequests: { ["LOOKUP": 3] })
  let socket = directory + "/storage.sock"
  let server = HTTPService(
    address: .unix(path: socket, group: nil), router: service.router, logger: Logger(label: "test"))
  try await server.start()
  do {
    try await body(StorageClient(socket: socket), fileSystem)
  } catch {
    await server.stop(graceSeconds: 1)
    throw error
  }
  await server.stop(graceSeconds: 1)
}
