/// What a GPU does at the moment. What it doesn't tell is nil.
public struct GPUUsage: Hashable, Sendable {
  public let uuid: String
  /// 0 to 100.
  public let utilizationPercent: Double?
  public let memoryMebibytes: Double?
  public let powerWatts: Double?

  /// Of all GPUs of this host; none where there is no `nvidia-smi` to ask.
  /// - Throws: ``GPUInventoryError``
  public static func read() async throws -> [GPUUsage] {
    guard NVIDIASystemManagement.isInstalled else { return [] }
    return parse(
      try await NVIDIASystemManagement.ask([
        "--query-gpu=uuid,utilization.gpu,memory.used,power.draw", "--format=csv,noheader,nounits",
      ]))
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
