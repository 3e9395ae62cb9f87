import Subprocess

/// What a GPU does at the moment. What it doesn't tell is nil.
public struct GPUUsage: Hashable, Sendable {
  public let uuid: String
  /// 0 to 100.
  public let utilizationPercent: Double?
  public let memoryMebibytes: Double?
  public let powerWatts: Double?

  /// Of all GPUs of this host.
  /// - Throws: ``GPUInventoryError``
  public static func read() async throws -> [GPUUsage] {
    let result = try await run(
      .name("nvidia-smi"),
      arguments: ["--query-gpu=uuid,utilization.gpu,memory.used,power.draw", "--format=csv,noheader,nounits"],
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    guard result.terminationStatus.isSuccess else {
      throw GPUInventoryError(cause: result.standardOutput + result.standardError)
    }
    return parse(result.standardOutput)
  }

  /// Parses a line for each GPU. A field that is no number says in words why it is none, such as `[N/A]`.
  static func parse(_ text: String) -> [GPUUsage] {
    text.split(whereSeparator: \.isNewline).compactMap { line in
      let fields = line.split(separator: ",").map { $0.filter { $0 != " " } }
      guard fields.count == 4 else { return nil }
      return GPUUsage(
        uuid: fields[0], utilizationPercent: Double(fields[1]), memoryMebibytes: Double(fields[2]),
        powerWatts: Double(fields[3]))
    }
  }
}
