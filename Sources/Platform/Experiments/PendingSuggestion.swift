import Searchers

/// Asks somebody outside for parameters beside everything else that a sweep does: the answer may take minutes, and the
/// trials that run meanwhile are not to wait for it.
actor PendingSuggestion {
  private let suggester: any TrialSuggester
  private let whenAnswered: @Sendable () -> Void
  private var asking: Task<Void, Never>?
  private var answer: Result<[Int: [Parameter]], any Error>?

  /// - Parameter whenAnswered: called when ``takeAnswer()`` has something new.
  init(_ suggester: any TrialSuggester, whenAnswered: @escaping @Sendable () -> Void) {
    self.suggester = suggester
    self.whenAnswered = whenAnswered
  }

  /// Asks, and returns at once. Does nothing while an answer is awaited, or waits to be taken: it may be about the same
  /// trials.
  func ask(_ numbers: [Int], trials: [Trial]) {
    guard asking == nil, answer == nil else { return }
    asking = Task { [suggester] in
      do {
        note(.success(try await suggester.suggest(numbers, trials: trials)))
      } catch {
        note(.failure(error))
      }
    }
  }

  /// What was answered since the last call, by number; nil: nothing.
  /// - Throws: why there is no answer.
  func takeAnswer() throws -> [Int: [Parameter]]? {
    defer { answer = nil }
    return try answer?.get()
  }

  /// Gives up what is asked for, and returns when nothing of it is left.
  func cancel() async {
    let task = asking
    task?.cancel()
    await task?.value
    answer = nil
  }

  private func note(_ result: Result<[Int: [Parameter]], any Error>) {
    asking = nil
    answer = result
    whenAnswered()
  }
}
