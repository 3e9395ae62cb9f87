import Searchers

/// Somebody outside who proposes parameters.
protocol TrialSuggester: Sendable {
  /// The parameters of new trials, by number.
  /// - Parameters:
  ///   - numbers: theirs. Asked again for the same, it answers the same.
  ///   - trials: all trials so far, which are what it may learn from.
  func suggest(_ numbers: [Int], trials: [Trial]) async throws -> [Int: [Parameter]]
}
