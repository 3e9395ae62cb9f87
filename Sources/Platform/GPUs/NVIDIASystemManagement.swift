import Subprocess

/// The program `nvidia-smi`.
enum NVIDIASystemManagement {
  private static var program: Executable { .name("nvidia-smi") }

  static var isInstalled: Bool {
    get async { (try? await program.resolveExecutablePath(in: .inherit)) != nil }
  }

  /// What it answers.
  /// - Throws: ``GPUInventoryError``
  static func ask(_ arguments: [String]) async throws -> String {
    let result = try await run(
      program, arguments: Arguments(arguments), output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    guard result.terminationStatus.isSuccess else {
      throw GPUInventoryError(cause: result.standardOutput + result.standardError)
    }
    return result.standardOutput
  }
}
