import Testing

@testable import Chunks

@Suite struct SipHashTests {
  private static let key: (UInt64, UInt64) = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)

  private func hash(_ count: Int) -> UInt64 {
    [UInt8](0..<UInt8(count)).withUnsafeBytes { sipHash(key: Self.key, $0) }
  }

  @Test func thePapersExampleHoldsItsValue() {
    // Appendix A of the paper: the bytes 0 to 14 under the key 0 to 15.
    #expect(hash(15) == 0xa129_ca61_49be_45e5)
  }

  @Test func theReferenceVectorsForOtherLengthsHold() {
    #expect(hash(0) == 0x726f_db47_dd0e_0e31)
    #expect(hash(1) == 0x74f8_39c5_93dc_67fd)
    #expect(hash(8) == 0x93f5_f579_9a93_2462)
  }

  @Test func anotherKeyGivesAnotherHash() {
    [UInt8](0..<15).withUnsafeBytes { #expect(sipHash(key: (0, 0), $0) != sipHash(key: Self.key, $0)) }
  }
}
