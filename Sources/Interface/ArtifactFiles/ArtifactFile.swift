import Glibc
import Linux

/// An open artifact. It closes when the last reference goes.
public final class ArtifactFile: Sendable {
  private static let pieceSize = 256 << 10

  private let descriptor: Int32
  private let name: String
  /// Bytes, when it was opened.
  public let size: UInt64

  init(descriptor: Int32, size: UInt64, name: String) {
    self.descriptor = descriptor
    self.size = size
    self.name = name
  }

  deinit { close(descriptor) }

  /// The bytes of a range. A file that has become shorter meanwhile is an error.
  public func pieces(_ range: Range<UInt64>) -> Pieces { Pieces(file: self, range: range) }

  public struct Pieces: AsyncSequence, Sendable {
    public typealias Element = [UInt8]
    public typealias Failure = any Error

    let file: ArtifactFile
    let range: Range<UInt64>

    public struct AsyncIterator: AsyncIteratorProtocol {
      let file: ArtifactFile
      var range: Range<UInt64>

      public mutating func next() async throws -> [UInt8]? {
        if range.isEmpty { return nil }
        let file = file
        let offset = range.lowerBound
        let wanted = Int(Swift.min(UInt64(ArtifactFile.pieceSize), range.upperBound - offset))
        let piece = try await offPool { try file.read(wanted, at: offset) }
        range = (offset + UInt64(piece.count))..<range.upperBound
        return piece
      }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(file: file, range: range) }
  }

  private func read(_ count: Int, at offset: UInt64) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
    if got < 0 { throw SystemError("pread", name) }
    if got == 0 { throw SystemError("pread", "\(name), which became shorter meanwhile", EIO) }
    return Array(bytes[..<got])
  }
}
