import Glibc

/// How content is cut into chunks. Frozen in a store's ``Superblock``: stores with other parameters
/// would cut the same content elsewhere, and nothing in them would be shared.
public struct ChunkParameters: Sendable, Equatable {
  /// The least bytes of a chunk that is not the last of its content; at least 64, the width of the rolling hash.
  public var minimum: Int
  /// The size that the cut points are drawn towards; a power of two, above `minimum`.
  public var average: Int
  /// The most bytes of a chunk; above `average`, at most ``largestMaximum``.
  public var maximum: Int
  /// What the gear table is made from.
  public var gearSeed: UInt64

  public init(minimum: Int, average: Int, maximum: Int, gearSeed: UInt64) {
    self.minimum = minimum
    self.average = average
    self.maximum = maximum
    self.gearSeed = gearSeed
  }

  /// 16, 64 and 256 KiB. The seed is "CAIRN", then 1.
  public static let standard = ChunkParameters(
    minimum: 16 << 10, average: 64 << 10, maximum: 256 << 10, gearSeed: 0x4341_4952_4E00_0001)

  /// No chunk is longer than this, whatever the parameters, so that a reader of a damaged or hostile
  /// file never allocates more.
  public static let largestMaximum = 16 << 20

  /// Whether the chunker can work with them. What comes from a file must be asked.
  public var isValid: Bool {
    minimum >= Chunker.window && average > minimum && average.nonzeroBitCount == 1 && maximum > average
      && average >= 1 << 8 && maximum <= Self.largestMaximum
  }

  /// Bytes of a chunk of random data, on average: what ``Chunker`` should come to. 73.0 KiB for ``standard``.
  ///
  /// Past the minimum a cut has the chance 1/(4·average) at each byte, past the average 4/average;
  /// the cut at the maximum is too rare to count.
  public var expectedLength: Double {
    let (strict, loose) = (4 * Double(average), Double(average) / 4)
    let reachesAverage = exp(-Double(average - minimum) / strict)
    return Double(minimum) + strict * (1 - reachesAverage) + loose * reachesAverage
  }
}
