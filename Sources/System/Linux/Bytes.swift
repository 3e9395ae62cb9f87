import CLinux
import Glibc

/// CRC-32C (Castagnoli, RFC 3720), continuing from `seed`.
public func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
  guard let base = bytes.baseAddress else { return seed }
  return cairn_crc32c(seed, base, bytes.count)
}

/// Bytes from the kernel's random generator.
public func randomBytes(_ count: Int) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    // getrandom fails only on a bad address; going on with predictable bytes would be worse than stopping.
    if cairn_random(buffer.baseAddress, count) != 0 { fatalError("getrandom failed") }
    filled = count
  }
}

/// Now, in nanoseconds since 1970.
public func nanosecondsNow() -> Int64 {
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}

/// Milliseconds since 1970.
public func millisecondsNow() -> Int64 { nanosecondsNow() / 1_000_000 }

extension Array where Element == UInt8 {
  /// `withUnsafeBytes` that keeps the type of what the body throws; the standard one rethrows `any Error`.
  @inlinable
  public func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let outcome: Swift.Result<Result, Failure> = withUnsafeBytes { bytes in
      do throws(Failure) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    return try outcome.get()
  }

  /// `withUnsafeMutableBytes` that keeps the type of what the body throws.
  @inlinable
  public mutating func withMutableBytes<Result, Failure: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let outcome: Swift.Result<Result, Failure> = withUnsafeMutableBytes { bytes in
      do throws(Failure) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    return try outcome.get()
  }
}

extension UnsafeRawBufferPointer {
  /// The offset of the first byte from `start` on that is not zero, or the count. Zeros are compared
  /// with their neighbours by memcmp, at the speed of memory even in a debug build.
  public func firstNonZero(from start: Int) -> Int {
    guard let base = baseAddress, start < count else { return count }
    var offset = start
    while offset < count {
      let length = Swift.min(4096, count - offset)
      let block = base + offset
      let isZero = block.load(as: UInt8.self) == 0 && (length == 1 || memcmp(block, block + 1, length - 1) == 0)
      if !isZero { break }
      offset += length
    }
    while offset < count, self[offset] == 0 { offset += 1 }
    return offset
  }
}
