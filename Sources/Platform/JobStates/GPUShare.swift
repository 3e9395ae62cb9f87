/// A part of one GPU: so many of the equal shards that it is divided into. Shards share the GPU's memory and time
/// without any wall between them; what they promise is that no more jobs are on the GPU than it has shards.
public struct GPUShare: Hashable, Codable, Sendable, LosslessStringConvertible {
  /// The most shards that a GPU may be divided into.
  public static let mostShards = 64

  public let shards: Int
  /// How many the GPU is divided into.
  public let of: Int

  /// nil unless 1 ≤ `shards` ≤ `of` ≤ ``mostShards``.
  public init?(shards: Int, of: Int) {
    guard 1 <= shards, shards <= of, of <= Self.mostShards else { return nil }
    self.shards = shards
    self.of = of
  }

  /// Such as `1/4`.
  public init?(_ description: String) {
    let parts = description.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let shards = Int(parts[0]), let of = Int(parts[1])
    else { return nil }
    self.init(shards: shards, of: of)
  }

  public var description: String { "\(shards)/\(of)" }
}
