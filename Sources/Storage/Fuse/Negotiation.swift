import CFuse3

/// The answer to INIT. libfuse 3.14 makes one for protocol 7.31 without the capabilities that came
/// later; what it says is replaced before it goes to the kernel.
enum Negotiation {
  /// The youngest protocol whose messages are known here.
  static let newestMinor: UInt32 = 45
  static let maxWrite: UInt32 = 1 << 20
  static let maxPages: UInt16 = 256
  static let maxBackground: UInt16 = 128
  static let congestionThreshold: UInt16 = 96

  /// The whole reply, header included, to an INIT request given whole.
  static func reply(to request: Request) throws(FuseError) -> (bytes: [UInt8], flags: ProtocolFlags) {
    var arguments = request.arguments
    guard request.opcode == FUSE_INIT.rawValue, let offer = try? arguments.take(fuse_init_in.self) else {
      throw FuseError(.refused, "The kernel's first message is not INIT: the descriptor is in use already.")
    }
    let offered = ProtocolFlags(flags: offer.flags, flags2: offer.flags2)
    guard offer.major == FUSE_KERNEL_VERSION, offered.isSuperset(of: .required) else {
      throw FuseError(
        .refused,
        "The kernel speaks FUSE \(offer.major).\(offer.minor) and lacks capabilities that Cairn needs; "
          + "use Linux 5.11 or newer.")
    }
    let agreed = offered.intersection(.wanted)
    var answer = fuse_init_out()
    answer.major = offer.major
    answer.minor = min(offer.minor, newestMinor)
    answer.max_readahead = offer.max_readahead
    answer.flags = agreed.flags
    answer.flags2 = agreed.flags2
    answer.max_background = maxBackground
    answer.congestion_threshold = congestionThreshold
    answer.max_write = maxWrite
    answer.max_pages = maxPages
    answer.time_gran = 1
    var header = fuse_out_header()
    header.len = UInt32(MemoryLayout<fuse_out_header>.size + MemoryLayout<fuse_init_out>.size)
    header.unique = request.unique
    var bytes: [UInt8] = []
    withUnsafeBytes(of: header) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: answer) { bytes.append(contentsOf: $0) }
    return (bytes, agreed)
  }
}
