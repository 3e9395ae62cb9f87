import Catalog
import Linux
import TestSupport
import Testing

@testable import Journal

@Suite struct OperationCodingTests {
  private func decode(_ type: OperationType, _ bytes: [UInt8]) throws -> Operation {
    try bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      return try Operation.decode(type, &reader) { StagedLocation(segment: 1, offset: UInt64($0)) }
    }
  }

  private func encode(_ operation: Operation) -> [UInt8] {
    var writer = ByteWriter()
    operation.encode(into: &writer)
    return writer.bytes
  }

  @Test func `every operation is read as it was written`() throws {
    for (name, operation) in sampleOperations {
      #expect(try decode(operation.type, encode(operation)) == operation, "\(name)")
    }
  }

  @Test func `no prefix of a payload passes for a whole one`() throws {
    for (name, operation) in sampleOperations {
      let bytes = encode(operation)
      for count in 0..<bytes.count {
        #expect(throws: ByteReader.Malformed.self, "\(name), \(count) bytes") {
          try decode(operation.type, Array(bytes[..<count]))
        }
      }
    }
  }

  @Test(arguments: testSeeds(20))
  func `random and damaged bytes are read or refused, never more`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      let type = OperationType(rawValue: UInt16.random(in: 1...18, using: &generator))!
      _ = try? decode(type, generator.bytes(Int.random(in: 0..<200, using: &generator)))
      let sample = sampleOperations.randomElement(using: &generator)!.operation
      var bytes = encode(sample)
      for _ in 0..<3 {
        bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      // What is read from damaged bytes is written again as it was read.
      if let found = try? decode(sample.type, bytes) { #expect(try decode(found.type, encode(found)) == found) }
    }
  }

  /// The header of a segment and a record, as docs/formats.md describes them.
  @Test func `a segment is the bytes that it has always been`() throws {
    let disk = SimulatedDisk()
    let (journal, _) = try recover(disk)
    _ = try journal.append(removal(7), request: 0x0102)
    let file = try disk.open("journal/0000000000000001.journal", create: false)
    var bytes = [UInt8](repeating: 0, count: Journal.headerLength + 64)
    _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    let hexadecimal = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(hexadecimal == goldenSegment)
  }

  /// The format of the journal. A byte that changes here makes the journals of users unreadable: give
  /// the format a new version instead.
  @Test func `payloads are the bytes that they have always been`() {
    for (name, operation) in sampleOperations {
      let hexadecimal = encode(operation).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      #expect(hexadecimal == goldenPayloads[name], "\(name)")
    }
    #expect(goldenPayloads.count == sampleOperations.count)
  }
}
