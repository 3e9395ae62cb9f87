/// Programs that compute on this host's GPUs, whoever started them.
public enum GPUProcesses {
  /// The UUIDs of the GPUs that programs are on.
  /// - Throws: ``GPUInventoryError``
  public static func busyGPUs() async throws -> Set<String> {
    parse(try await NVIDIASystemManagement.ask(["--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader"]))
  }

  /// Parses a line for each program: its GPU's UUID and its number, separated by a comma.
  static func parse(_ text: String) -> Set<String> {
    Set(
      text.split(whereSeparator: \.isNewline).compactMap { line in
        let uuid = line.split(separator: ",").first.map(String.init) ?? ""
        return uuid.hasPrefix("GPU-") ? uuid : nil
      })
  }
}
