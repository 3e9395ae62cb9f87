import Testing

@testable import Chunks

@Suite struct CreditTests {
  @Test func `what never proves useful is soon paid for no more`() {
    var credit = Credit()
    var paid = 0
    for _ in 0..<1000 {
      credit.noteMiss()
      if credit.spend(4) { paid += 1 }
    }
    // What there was at the beginning, and one unit for each 64 misses.
    #expect(paid == (Credit.most + 1000 / 64) / 4)
  }

  @Test func `what proves useful goes on, and earns no more than a limit`() {
    var credit = Credit()
    for _ in 0..<1000 {
      let isSpent = credit.spend(4)
      #expect(isSpent)
      for _ in 0..<5 { credit.earn() }
    }
    #expect(credit.left == Credit.most)
  }
}
