import Testing

@testable import Deployments

@Suite struct ProbeLedgerTests {
  private let probes = Probes(readiness: .http(path: "/ready"), liveness: .tcp, startupSeconds: 10, failures: 3)

  @Test func itIsReadyWithTheFirstGoodAnswer() {
    var ledger = ProbeLedger(probes, isReady: false)
    #expect(ledger.note(readiness: "refused", liveness: nil, secondsSinceStart: 1) == .unchanged)
    #expect(!ledger.asksLiveness)
    #expect(ledger.note(readiness: nil, liveness: nil, secondsSinceStart: 2) == .ready)
    #expect(ledger.asksLiveness)
    #expect(ledger.note(readiness: nil, liveness: nil, secondsSinceStart: 3) == .unchanged)
  }

  @Test func itIsDeadWhenItTakesTooLongToStart() {
    var ledger = ProbeLedger(probes, isReady: false)
    #expect(ledger.note(readiness: "refused", liveness: nil, secondsSinceStart: 10) == .unchanged)
    #expect(
      ledger.note(readiness: "refused", liveness: nil, secondsSinceStart: 11)
        == .dead("it was not ready within 10 s: refused"))
  }

  @Test func failuresInARowMakeItUnreadyAndAGoodAnswerReadyAgain() {
    var ledger = ProbeLedger(probes, isReady: true)
    #expect(ledger.note(readiness: "503", liveness: nil, secondsSinceStart: 99) == .unchanged)
    #expect(ledger.note(readiness: nil, liveness: nil, secondsSinceStart: 99) == .unchanged)
    for _ in 0..<2 { #expect(ledger.note(readiness: "503", liveness: nil, secondsSinceStart: 99) == .unchanged) }
    #expect(ledger.note(readiness: "503", liveness: nil, secondsSinceStart: 99) == .unready)
    #expect(ledger.note(readiness: "503", liveness: nil, secondsSinceStart: 99) == .unchanged)
    #expect(ledger.note(readiness: nil, liveness: nil, secondsSinceStart: 99) == .ready)
  }

  @Test func oneThatDoesNotLiveIsStartedAgain() {
    var ledger = ProbeLedger(probes, isReady: true)
    var verdicts: [ProbeLedger.Verdict] = []
    for _ in 0..<9 { verdicts.append(ledger.note(readiness: "x", liveness: "refused", secondsSinceStart: 99)) }
    #expect(verdicts[2] == .unready)
    #expect(verdicts.last == .dead("9 liveness probes failed in a row: refused"))
  }

  @Test func pausesBeforeARestartDoubleToFiveMinutes() {
    #expect([1, 2, 3, 4, 9, 10, 50].map { restartPause(after: $0) } == [1, 2, 4, 8, 256, 300, 300])
    #expect(restartPause(after: 0) == 0)
  }
}
