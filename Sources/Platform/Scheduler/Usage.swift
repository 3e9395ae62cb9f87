import Glibc

/// What a project has used, the longer ago the less it counts: half after each half-life.
public struct Usage: Hashable, Sendable {
  public var gpuSeconds: Double
  public var cpuSeconds: Double

  public init(gpuSeconds: Double = 0, cpuSeconds: Double = 0) {
    self.gpuSeconds = gpuSeconds
    self.cpuSeconds = cpuSeconds
  }

  /// What is left of it some seconds later.
  public func decayed(seconds: Double, halfLife: Double) -> Usage {
    let factor = exp2(-max(seconds, 0) / halfLife)
    return Usage(gpuSeconds: gpuSeconds * factor, cpuSeconds: cpuSeconds * factor)
  }

  /// What holding resources for some seconds until now adds: each second decayed by its own age.
  public init(holding need: ResourceNeed, seconds: Double, halfLife: Double) {
    // The integral of 2^(-t / halfLife) from 0 to `seconds`.
    let weight = halfLife / log(2) * (1 - exp2(-max(seconds, 0) / halfLife))
    gpuSeconds = Double(need.gpus.milliGPUs) / 1000 * weight
    cpuSeconds = Double(need.takenMilliCPUs) / 1000 * weight
  }

  public static func += (left: inout Usage, right: Usage) {
    left.gpuSeconds += right.gpuSeconds
    left.cpuSeconds += right.cpuSeconds
  }

  /// For how many seconds it would have needed the whole host: of its GPUs or its processors, whichever it used more of.
  public func hostSeconds(on host: Host) -> Double {
    max(
      gpuSeconds / Double(max(host.gpus.count, 1)), cpuSeconds * 1000 / Double(max(host.milliCPUs, 1)))
  }
}
