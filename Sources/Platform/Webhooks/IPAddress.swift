import Glibc

/// An IPv4 or IPv6 address.
struct IPAddress: Equatable {
  /// 4 or 16, the first first.
  let bytes: [UInt8]

  /// nil for another kind of address.
  init?(_ address: UnsafePointer<sockaddr>?) {
    guard let address else { return nil }
    switch Int32(address.pointee.sa_family) {
    case AF_INET:
      bytes = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
        withUnsafeBytes(of: address.pointee.sin_addr) { Array($0) }
      }
    case AF_INET6:
      bytes = address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
        withUnsafeBytes(of: address.pointee.sin6_addr) { Array($0) }
      }
    default: return nil
    }
  }

  /// From digits.
  init?(_ text: String) {
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      bytes = withUnsafeBytes(of: four) { Array($0) }
    } else if inet_pton(AF_INET6, text, &six) == 1 {
      bytes = withUnsafeBytes(of: six) { Array($0) }
    } else {
      return nil
    }
  }

  var text: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Whether it is of the internet. Source: IANA's registries of special-purpose addresses (RFC 6890).
  var isPublic: Bool {
    if let inner = embedded { return inner.isPublic }
    if bytes.count == 4 { return !Self.special4.contains { matches($0.0, $0.1) } }
    // All that is given out today, less what is special in it.
    return matches([0x20], 3) && !Self.special6.contains { matches($0.0, $0.1) }
  }

  /// Whether it is of this host or of a network within.
  var isPrivate: Bool {
    if let inner = embedded { return inner.isPrivate }
    if bytes.count == 4 { return Self.private4.contains { matches($0.0, $0.1) } }
    return matches([0xFC], 7) || bytes == Self.loopback6
  }

  /// The IPv4 address that an IPv6 address stands for: mapped, 6to4 (RFC 3056) or NAT64 (RFC 6052).
  private var embedded: IPAddress? {
    guard bytes.count == 16 else { return nil }
    if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
      return IPAddress(four: bytes[12...])
    }
    if matches([0x20, 0x02], 16) { return IPAddress(four: bytes[2..<6]) }
    if matches([0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0], 96) { return IPAddress(four: bytes[12...]) }
    return nil
  }

  private init(four: ArraySlice<UInt8>) { bytes = Array(four) }

  private func matches(_ prefix: [UInt8], _ bits: Int) -> Bool {
    for index in 0..<(bits + 7) / 8 {
      let mask: UInt8 = bits >= 8 * (index + 1) ? 0xFF : ~(0xFF >> UInt8(bits - 8 * index))
      if bytes[index] & mask != (index < prefix.count ? prefix[index] : 0) & mask { return false }
    }
    return true
  }

  private static let loopback6 = [UInt8](repeating: 0, count: 15) + [1]

  private static let private4: [([UInt8], Int)] = [
    ([10], 8), ([127], 8), ([172, 16], 12), ([192, 168], 16), ([100, 64], 10),
  ]

  private static let special4: [([UInt8], Int)] =
    private4 + [
      ([0], 8), ([169, 254], 16), ([192, 0, 0], 24), ([192, 0, 2], 24), ([192, 88, 99], 24), ([198, 18], 15),
      ([198, 51, 100], 24), ([203, 0, 113], 24), ([224], 4), ([240], 4),
    ]

  private static let special6: [([UInt8], Int)] = [
    ([0x20, 0x01, 0x00], 23), ([0x20, 0x01, 0x0D, 0xB8], 32), ([0x3F, 0xFF, 0x00], 20),
  ]
}
