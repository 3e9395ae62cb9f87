import Containers
import Linux

/// The program `nvidia-smi`.
enum NVIDIASystemManagement {
  /// It answers within moments, unless a GPU hangs: then it may never.
  private static let timeLimit = Duration.seconds(10)

  static var isInstalled: Bool { programPath("nvidia-smi") != nil }

  /// What it answers. Where it does not it is left behind: what hangs in the driver can't even be killed, and whoever
  /// asks has other things to do.
  /// - Throws: ``GPUInventoryError``
  static func ask(_ arguments: [String]) async throws -> String {
    let (answers, answer) = AsyncStream.makeStream(of: Result<String, any Error>.self)
    let asking = Task {
      do {
        let result = try await Command.run(["nvidia-smi"] + arguments, timeLimit: timeLimit)
        answer.yield(
          result.status == 0 ? .success(result.output) : .failure(GPUInventoryError(cause: result.complaint)))
      } catch {
        answer.yield(.failure(GPUInventoryError(cause: "it could not be run: \(error)")))
      }
    }
    let timer = Task {
      try await Task.sleep(for: timeLimit)
      answer.yield(.failure(GPUInventoryError(cause: "it did not answer within \(timeLimit)")))
    }
    defer {
      asking.cancel()
      timer.cancel()
    }
    for await result in answers { return try result.get() }
    throw CancellationError()
  }
}
