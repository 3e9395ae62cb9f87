public import Scheduler

extension JobRequest {
  /// What it takes of a host.
  public var need: ResourceNeed {
    let gpuNeed: GPUNeed =
      if let gpuShare { .share(gpuShare) } else if let gpuMIG { .instance(profile: gpuMIG) } else if gpus > 0 {
        .whole(gpus)
      } else {
        .none
      }
    return ResourceNeed(
      gpus: gpuNeed,
      // A server for people does nothing most of the time and must not keep jobs waiting.
      milliCPUs: cpus.map { Int(($0 * 1000).rounded(.up)) } ?? (serves == nil ? nil : 0),
      memoryBytes: memoryBytes.map { Int(clamping: $0) } ?? 0)
  }
}
