import Chunks
import Testing

@Test func digestsOrderAsTheirBytesDo() {
  #expect(Digest(words: (1, 0, 0, 0)) < Digest(words: (2, 0, 0, 0)))
}
