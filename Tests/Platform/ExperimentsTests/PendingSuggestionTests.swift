import Searchers
import Synchronization
import Testing

@testable import Experiments

@Suite struct PendingSuggestionTests {
  /// Answers when it is let to.
  private final class SlowSuggester: TrialSuggester {
    let asked = Mutex<[[Int]]>([])
    let (gate, opening) = AsyncStream.makeStream(of: Void.self)
    let wasGivenUp = Mutex(false)

    func suggest(_ numbers: [Int], trials: [Trial]) async throws -> [Int: [Parameter]] {
      asked.withLock { $0.append(numbers) }
      for await _ in gate { break }
      if Task.isCancelled {
        wasGivenUp.withLock { $0 = true }
        throw CancellationError()
      }
      if numbers == [99] { throw SuggesterError(description: "no idea") }
      return Dictionary(uniqueKeysWithValues: numbers.map { ($0, [Parameter("x", .integer(Int64($0)))]) })
    }
  }

  @Test func `who asks does not wait, and the answer comes when it is there`() async throws {
    let slow = SlowSuggester()
    let (news, teller) = AsyncStream.makeStream(of: Void.self)
    let suggestion = PendingSuggestion(slow) { teller.yield() }
    await suggestion.ask([1, 2], trials: [])
    #expect(try await suggestion.takeAnswer() == nil)
    // Asked again meanwhile, also for more: one question at a time.
    await suggestion.ask([1, 2, 3], trials: [])
    slow.opening.yield()
    for await _ in news { break }
    // What has not been taken is not asked for again.
    await suggestion.ask([1, 2, 3], trials: [])
    #expect(
      try await suggestion.takeAnswer() == [1: [Parameter("x", .integer(1))], 2: [Parameter("x", .integer(2))]])
    #expect(try await suggestion.takeAnswer() == nil)
    #expect(slow.asked.withLock { $0 } == [[1, 2]])
    await suggestion.ask([3], trials: [])
    slow.opening.yield()
    for await _ in news { break }
    #expect(try await suggestion.takeAnswer()?.keys.sorted() == [3])
  }

  @Test func `why there is no answer is told once`() async throws {
    let slow = SlowSuggester()
    let (news, teller) = AsyncStream.makeStream(of: Void.self)
    let suggestion = PendingSuggestion(slow) { teller.yield() }
    await suggestion.ask([99], trials: [])
    slow.opening.yield()
    for await _ in news { break }
    await #expect(throws: SuggesterError.self) { try await suggestion.takeAnswer() }
    #expect(try await suggestion.takeAnswer() == nil)
  }

  @Test func `a question that is given up has ended when that returns`() async throws {
    let slow = SlowSuggester()
    let suggestion = PendingSuggestion(slow) {}
    await suggestion.ask([1], trials: [])
    while slow.asked.withLock({ $0.isEmpty }) { await Task.yield() }
    await suggestion.cancel()
    #expect(slow.wasGivenUp.withLock { $0 })
    #expect(try await suggestion.takeAnswer() == nil)
  }
}
