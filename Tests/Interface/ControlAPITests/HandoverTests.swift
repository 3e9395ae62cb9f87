import Synchronization
import Testing

@testable import ControlAPI
@testable import HTTPService

@Suite(.timeLimit(.minutes(1))) struct HandoverTests {
  @Test func piecesComeInTheirOrderAndTheLastBeforeTheEnd() async {
    let handover = Handover()
    let giver = Task {
      for number in UInt8(0)..<100 { await handover.give([number]) }
      await handover.finish()
    }
    var taken: [UInt8] = []
    while let piece = await handover.take() { taken += piece }
    await giver.value
    #expect(taken == Array(0..<100))
    #expect(await handover.take() == nil)
  }

  @Test func aGiverWaitsUntilItsPieceIsTaken() async throws {
    let handover = Handover()
    let source = Source(last: 10)
    let giver = Task {
      let iterator = source.makeAsyncIterator()
      while let number = try await iterator.next() { await handover.give([UInt8(number)]) }
      await handover.finish()
    }
    var taken = 0
    while await handover.take() != nil {
      taken += 1
      try await Task.sleep(for: .milliseconds(5))
      // One that waits to be taken, and the one that ends it all.
      #expect(source.count <= taken + 1)
    }
    #expect(taken == 10)
    try await giver.value
  }

  @Test func whenTheTakerGoesNobodyWaitsAnyMore() async throws {
    let handover = Handover()
    try await withThrowingTaskGroup { group in
      for number in UInt8(1)...5 {
        group.addTask { await handover.give([number]) }
      }
      try await Task.sleep(for: .milliseconds(20))
      _ = await handover.take()
      await handover.abandon()
      // They all return now, and whoever comes later at once.
      try await group.waitForAll()
    }
    await handover.give([9])
    #expect(await handover.take() == nil)
  }

  @Test func aCancelledTakerEnds() async throws {
    let handover = Handover()
    let taker = Task { await handover.take() }
    try await Task.sleep(for: .milliseconds(20))
    taker.cancel()
    #expect(await taker.value == nil)
    await handover.give([1])
  }

  /// Counts its values, and says when its reader has let go of it.
  private final class Source: AsyncSequence, Sendable {
    typealias Element = Int
    typealias Failure = any Error

    private let made = Atomic(0)
    private let ended = Atomic(false)
    private let last: Int

    var count: Int { made.load(ordering: .relaxed) }
    var isReleased: Bool { ended.load(ordering: .relaxed) }

    init(last: Int) { self.last = last }

    final class Iterator: AsyncIteratorProtocol {
      let source: Source

      init(_ source: Source) { self.source = source }
      deinit { source.ended.store(true, ordering: .relaxed) }

      func next() async throws -> Int? {
        let number = source.made.add(1, ordering: .relaxed).newValue
        return number <= source.last ? number : nil
      }
    }

    func makeAsyncIterator() -> Iterator { Iterator(self) }
  }

  private func pieces(of reply: Reply) throws -> any AsyncIteratorProtocol<[UInt8], any Error> {
    guard case .stream(let make) = reply.content else { throw CancellationError() }
    return make()
  }

  @Test func aReaderThatStopsEndsTheSource() async throws {
    let source = Source(last: .max)
    do {
      var iterator = try pieces(of: .lines(source) { "\($0)" })
      for _ in 0..<3 { _ = try await iterator.next(isolation: nil) }
      try await Task.sleep(for: .milliseconds(50))
      // What it has not read has not been made, but for what is on its way.
      #expect(source.count <= 5)
    }
    for _ in 0..<200 where !source.isReleased { try await Task.sleep(for: .milliseconds(10)) }
    #expect(source.isReleased)
  }

  @Test func aReplyThatNobodyReadsEndsTheSource() async throws {
    let source = Source(last: .max)
    do { _ = Reply.lines(source) { "\($0)" } }
    for _ in 0..<200 where !source.isReleased { try await Task.sleep(for: .milliseconds(10)) }
    #expect(source.isReleased)
  }

  @Test func theLastValueEndsTheReply() async throws {
    var iterator = try pieces(of: .lines(Source(last: 3)) { "\($0)" })
    var lines: [String] = []
    while let piece = try await iterator.next(isolation: nil) { lines.append(String(decoding: piece, as: UTF8.self)) }
    #expect(lines == ["\"1\"\n", "\"2\"\n", "\"3\"\n"])
    var cut = try pieces(of: .lines(Source(last: .max), isLast: { $0 == 2 }) { "\($0)" })
    var count = 0
    while try await cut.next(isolation: nil) != nil { count += 1 }
    #expect(count == 2)
  }
}
