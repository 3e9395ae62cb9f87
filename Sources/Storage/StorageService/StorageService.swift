import FileSystem
import HTTPService
import Linux
import StorageAPI
import Synchronization
import Wire

/// The admin API of the storage daemon: what a file system has no call for.
///
/// One file per noun adds its routes. The handlers translate, and leave the work to ``FileSystem``.
public final class StorageService: Sendable {
  /// What the daemon tells of itself.
  public struct Identity: Sendable {
    public var storageDirectory: String
    public var mount: String
    public var persistentMount: String?

    public init(storageDirectory: String, mount: String, persistentMount: String?) {
      self.storageDirectory = storageDirectory
      self.mount = mount
      self.persistentMount = persistentMount
    }
  }

  let fileSystem: FileSystem
  let threads: StoreThreads
  let identity: Identity
  let counters = Counters()
  let start = ContinuousClock.now
  /// Requests of the kernel by their names; empty where nothing is mounted.
  let kernelRequests: @Sendable () -> [String: UInt64]

  public init(
    fileSystem: FileSystem, threads: StoreThreads, identity: Identity,
    kernelRequests: @escaping @Sendable () -> [String: UInt64]
  ) {
    self.fileSystem = fileSystem
    self.threads = threads
    self.identity = identity
    self.kernelRequests = kernelRequests
  }

  /// The routes of all nouns.
  public var router: Router {
    var router = Router()
    addStorageRoutes(to: &router)
    addVolumeRoutes(to: &router)
    addLinkRoutes(to: &router)
    addIngestRoutes(to: &router)
    addCareRoutes(to: &router)
    return router
  }

  var uptimeSeconds: UInt64 { UInt64(max(0, (ContinuousClock.now - start).components.seconds)) }

  /// Calls the file system on a thread where it may block.
  func onStore<Result: Sendable>(_ body: @escaping @Sendable (FileSystem) throws -> Result) async throws -> Result {
    do {
      return try await threads.run { [fileSystem] in try body(fileSystem) }
    } catch let error as VolumeError {
      throw APIError(error)
    }
  }
}

/// What the admin API has done since the daemon started.
final class Counters: Sendable {
  let ingestedChunks = Atomic<UInt64>(0)
  let ingestedBytes = Atomic<UInt64>(0)
  let ingestedTrees = Atomic<UInt64>(0)
}

extension APIError {
  /// A refusal of the file system. None of them is a 500: it would be refused again.
  init(_ error: VolumeError) {
    let (status, code) =
      switch error.code {
      case .notFound: (404, "not_found")
      case .exists: (409, "exists")
      case .sealed: (409, "sealed")
      case .busy: (409, "busy")
      case .invalid: (400, "invalid")
      case .damaged: (422, "damaged")
      // The disk below is full or faulty: the request itself may be fine.
      case .failed: (503, "failed")
      }
    self.init(status: status, code: code, message: error.message)
  }
}
