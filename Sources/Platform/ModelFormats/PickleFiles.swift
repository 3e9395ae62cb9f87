/// Files that hold a pickle. Loading one runs whatever program it holds, so none is ever opened: what it is, is told by
/// its first bytes, its name, and, of PyTorch's archives, the directory of the zip file.
enum PickleFiles {
  /// The pickle, protocol 2, of the number 0x1950a86a20f9469cfc6c with which `torch.save` began before PyTorch 1.6.
  static let legacyMagic: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  /// What `torch.save` and `torch.jit.save` write.
  static func readPyTorch(_ source: ByteSource, into description: inout ModelDescription) throws {
    let start = try source.prefix(legacyMagic.count)
    if start == legacyMagic {
      description.recognise(.pytorch)
      description.note("pytorch.archive", "before 1.6")
      return
    }
    guard start.starts(with: [0x50, 0x4B]) else { throw FormatError("it is no archive of PyTorch's") }
    let archive = try ZipDirectory(source)
    guard archive.members.contains(where: { $0.name.hasSuffix("/data.pkl") || $0.name == "data.pkl" }) else {
      throw FormatError("it is a zip archive, but not of PyTorch's")
    }
    // A program has its code beside it; a state has not.
    let isProgram = archive.members.contains { $0.name.contains("/code/") || $0.name.hasSuffix("/constants.pkl") }
    description.recognise(isProgram ? .torchScript : .pytorch)
    let tensors = archive.members.filter { $0.name.contains("/data/") }
    description.note("pytorch.tensors", String(tensors.count))
    description.note("pytorch.tensor_bytes", String(tensors.reduce(0) { saturatingSum($0, $1.size) }))
  }

  /// What joblib and pickle write: a pickle, plain or compressed.
  static func isPickle(_ start: [UInt8]) -> Bool {
    let compressed: [[UInt8]] = [
      [0x78, 0x01], [0x78, 0x5E], [0x78, 0x9C], [0x78, 0xDA], [0x1F, 0x8B], [0x42, 0x5A, 0x68],
      [0xFD, 0x37, 0x7A, 0x58, 0x5A], [0x5D, 0x00, 0x00], [0x04, 0x22, 0x4D, 0x18],
    ]
    if start.count >= 2, start[0] == 0x80, (2...5).contains(start[1]) { return true }
    return compressed.contains { start.starts(with: $0) }
  }
}
