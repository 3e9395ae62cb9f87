import Glibc
import TestSupport
import Testing

@testable import ModelFormats

/// Damaged files of each format and seed. A soak sets CAIRN_FUZZ.
private let rounds = getenv("CAIRN_FUZZ").flatMap { Int(String(cString: $0)) } ?? 1500

/// What somebody may hand in as a model: no content makes a reader crash, hang or take much memory.
@Suite struct HostileModelTests {
  private typealias Reader = @Sendable (ByteSource, inout ModelDescription) throws -> Void

  private static let formats: [(String, [UInt8], Reader)] = [
    ("onnx", golden(GoldenFiles.onnx), { try ONNXReader.read($0, into: &$1) }),
    ("safetensors", golden(GoldenFiles.safetensors), { try SafetensorsReader.read($0, into: &$1) }),
    ("gguf", golden(GoldenFiles.gguf), { try GGUFReader.read($0, into: &$1) }),
    ("saved model", savedModel, { try SavedModelReader.read($0, into: &$1) }),
    ("pytorch", golden(GoldenFiles.torchState), { try PickleFiles.readPyTorch($0, into: &$1) }),
    ("mlmodel", Array(mlmodel.utf8), { try MLmodelReader.read($0, into: &$1) }),
    ("triton", Array(tritonConfig.utf8), { try TritonReader.read($0, into: &$1) }),
    (
      "hugging face",
      Array(#"{"model_type":"a","architectures":["b"],"quantization_config":{"quant_method":"c"}}"#.utf8),
      { try HuggingFaceReader.read($0, into: &$1) }
    ),
  ]

  /// Flips, cuts, repeats and exchanges bytes, with a liking for the numbers on which bounds turn.
  private func damaged(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0...Int.random(in: 0..<4, using: &generator) where !bytes.isEmpty {
      let at = Int.random(in: bytes.indices, using: &generator)
      switch Int.random(in: 0..<7, using: &generator) {
      case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[at] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &generator)!
      case 2: for index in at..<min(at + 8, bytes.count) { bytes[index] = 0xFF }
      case 3: bytes = Array(bytes.prefix(at))
      case 4: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1..<20, using: &generator)))
      case 5: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 64)], at: at)
      default: bytes.insert(contentsOf: generator.bytes(Int.random(in: 1..<9, using: &generator)), at: at)
      }
    }
    return bytes
  }

  @Test(arguments: testSeeds(2)) func damagedFilesAreRefusedOrRead(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var (refused, read) = (0, 0)
    for (name, whole, reader) in Self.formats {
      for _ in 0..<rounds {
        let bytes = damaged(whole, using: &generator)
        var description = ModelDescription()
        do {
          try reader(ByteSource(bytes), &description)
          read += 1
        } catch is FormatError {
          refused += 1
        } catch {
          Issue.record("\(name): \(error)")
        }
        #expect(description.tensors.count <= Bounds.tensors && description.metadata.count <= Bounds.metadataEntries)
      }
    }
    // Otherwise nothing was tried.
    #expect(refused > rounds && read > rounds)
  }

  @Test func everyBeginningOfAFileIsRefusedOrRead() {
    for (name, whole, reader) in Self.formats {
      for length in 0..<whole.count {
        var description = ModelDescription()
        do {
          try reader(ByteSource(Array(whole[..<length])), &description)
        } catch is FormatError {
        } catch {
          Issue.record("\(name), \(length) bytes: \(error)")
        }
      }
    }
  }

  private func refuses(_ text: String, _ reader: (ByteSource, inout ModelDescription) throws -> Void) -> Bool {
    var description = ModelDescription()
    do {
      try reader(ByteSource(Array(text.utf8)), &description)
      return false
    } catch {
      return error is FormatError
    }
  }

  @Test func yamlThatWouldExplodeIsNotParsed() {
    var bomb = "a0: &a0 [x, x]\n"
    for index in 1..<40 { bomb += "a\(index): &a\(index) [*a\(index - 1), *a\(index - 1)]\n" }
    #expect(refuses(bomb + "? *a39\n: 1\nflavors: {}\n", MLmodelReader.read))
    #expect(refuses("flavors: " + String(repeating: "[", count: 100_000), MLmodelReader.read))
    #expect(refuses(String(repeating: "- ", count: 100_000), MLmodelReader.read))
    #expect(refuses(String(repeating: "? ", count: 100_000), MLmodelReader.read))
    #expect(refuses("flavors: {sklearn: {}}\nx: " + String(repeating: "y", count: 1 << 20), MLmodelReader.read))
  }

  @Test func nestedTextsAreRefused() {
    #expect(refuses(String(repeating: "a { ", count: 100_000), TritonReader.read))
    #expect(refuses(String(repeating: "a [ ", count: 100_000), TritonReader.read))
    let header = String(repeating: "[", count: 100_000)
    var bytes = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    bytes += Array(header.utf8)
    var description = ModelDescription()
    #expect(throws: FormatError.self) { try SafetensorsReader.read(ByteSource(bytes), into: &description) }
  }

  @Test func aLengthBeyondTheFileTakesNoMemory() {
    var description = ModelDescription()
    let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
    #expect(throws: FormatError.self) { try SafetensorsReader.read(ByteSource(huge), into: &description) }
    let gguf = Array("GGUF".utf8) + [3, 0, 0, 0] + huge + huge
    #expect(throws: FormatError.self) { try GGUFReader.read(ByteSource(gguf), into: &description) }
  }
}
