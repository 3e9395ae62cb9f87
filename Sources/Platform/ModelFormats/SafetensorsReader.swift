import FoundationEssentials

/// The header of a safetensors file: a length, then JSON with a name, a type and a shape for each tensor.
///
/// Source: https://github.com/huggingface/safetensors, “Format”.
enum SafetensorsReader {
  /// The format allows 100 MB. A model of 405 billion numbers has a header of a few hundred kilobytes in each of its
  /// files, so a larger one than this is an attack on whoever reads it.
  static let headerLimit = 16 << 20

  static func read(_ source: ByteSource, into description: inout ModelDescription) throws {
    var cursor = ByteCursor(source)
    let length = try cursor.integer(UInt64.self)
    guard length <= source.size - 8, length <= UInt64(headerLimit) else {
      throw FormatError("its header would have \(length) bytes")
    }
    let bytes = try source.bytes(at: 8, Int(length))
    let header: [String: Item]
    do {
      header = try JSONDecoder().decode([String: Item].self, from: Data(bytes))
    } catch {
      throw FormatError("its header is not the JSON that the format demands")
    }
    description.recognise(.safetensors)
    var parameters: UInt64 = 0
    var count: UInt64 = 0
    for (name, item) in header.sorted(by: { $0.key < $1.key }) {
      switch item {
      case .metadata(let entries):
        for (key, value) in entries.sorted(by: { $0.key < $1.key }) {
          description.note(key, value)
        }
      case .tensor(let tensor):
        guard tensor.shape.count <= 64, let numbers = elementCount(tensor.shape) else {
          throw FormatError("the shape of its tensor \(bounded(name, 80)) is impossible")
        }
        parameters = saturatingSum(parameters, numbers)
        count += 1
        description.add(
          tensor: TensorDescription(
            name: bounded(name, Bounds.nameLength), type: bounded(tensor.dtype, 32), shape: tensor.shape))
      }
    }
    description.count(parameters: parameters, tensors: count)
  }

  private struct Tensor: Decodable {
    var dtype: String
    var shape: [Int64]
  }

  private enum Item: Decodable {
    case tensor(Tensor)
    case metadata([String: String])

    init(from decoder: any Decoder) throws {
      if decoder.codingPath.last?.stringValue == "__metadata__" {
        self = .metadata(try [String: String](from: decoder))
      } else {
        self = .tensor(try Tensor(from: decoder))
      }
    }
  }
}
