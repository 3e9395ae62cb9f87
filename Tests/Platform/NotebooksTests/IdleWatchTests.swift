import Testing

@testable import Notebooks

@Suite struct IdleWatchTests {
  private static let start: Int64 = 1_000_000_000_000_000_000

  private func time(_ seconds: Int) -> Int64 { Self.start + Int64(seconds) * 1_000_000_000 }

  private func watch(idle: Int? = 1000, lifetime: Int? = nil) -> IdleWatch {
    IdleWatch(startedAt: Self.start, now: Self.start, idleSeconds: idle, lifetimeSeconds: lifetime)
  }

  private func quiet(at seconds: Int) -> IdleWatch.Observation {
    IdleWatch.Observation(
      time: time(seconds), server: JupyterActivity(), processorShare: 0.03, gpuPercent: 0)
  }

  @Test func anIdleNotebookIsWarnedAndThenStopped() {
    var watch = watch()
    for second in stride(from: 0, to: 2000, by: 15) {
      watch.note(quiet(at: second))
      switch second {
      case ..<800: #expect(watch.verdict(now: time(second)) == .goOn)
      case ..<1000: #expect(watch.verdict(now: time(second)) == .warn(.idle, seconds: 1000 - second))
      default: #expect(watch.verdict(now: time(second)) == .stop(.idle))
      }
    }
  }

  @Test(arguments: ["kernel", "processor", "GPU", "terminal"])
  func whateverComputesKeepsItAwake(_ what: String) {
    var watch = watch()
    for second in stride(from: 0, to: 5000, by: 15) {
      var observation = quiet(at: second)
      switch what {
      case "kernel": observation.server?.isBusy = true
      case "processor": observation.processorShare = 0.9
      case "GPU": observation.gpuPercent = 40
      default: observation.server?.lastActivity = time(second - 5)
      }
      watch.note(observation)
      #expect(watch.verdict(now: time(second)) == .goOn)
    }
    // From its end on, the whole time has to pass.
    #expect(watch.verdict(now: time(5700)) == .goOn)
    #expect(watch.verdict(now: time(6000)) == .stop(.idle))
  }

  @Test func aWarningIsTakenBackByActivity() {
    var watch = watch()
    #expect(watch.verdict(now: time(900)) == .warn(.idle, seconds: 100))
    watch.note(.init(time: time(901), server: JupyterActivity(isBusy: true)))
    #expect(watch.verdict(now: time(902)) == .goOn)
  }

  @Test func whoSavesAFileIsAtWork() {
    var watch = watch()
    watch.noteUse(at: time(900))
    #expect(watch.verdict(now: time(1600)) == .goOn && watch.verdict(now: time(1900)) == .stop(.idle))
  }

  @Test func aServerThatClaimsTheFutureDoesNotLiveForEver() {
    var watch = watch()
    watch.note(.init(time: time(10), server: JupyterActivity(lastActivity: .max)))
    #expect(watch.verdict(now: time(1010)) == .stop(.idle))
    watch.note(.init(time: time(20), server: JupyterActivity(lastActivity: .min)))
    #expect(watch.lastActive == time(10))
  }

  @Test func aSilentServerIsIdleWhenItsProcessorsAreQuiet() {
    var watch = watch()
    for second in stride(from: 0, through: 1000, by: 10) { watch.note(.init(time: time(second))) }
    #expect(watch.verdict(now: time(1000)) == .stop(.idle))
  }

  @Test func aLifetimeEndsWhateverIsComputed() {
    var watch = watch(idle: nil, lifetime: 7200)
    for second in stride(from: 0, to: 7200, by: 60) {
      watch.note(.init(time: time(second), server: JupyterActivity(isBusy: true)))
      let verdict = watch.verdict(now: time(second))
      #expect(verdict == (second < 6600 ? .goOn : .warn(.lifetime, seconds: 7200 - second)))
    }
    #expect(watch.verdict(now: time(7200)) == .stop(.lifetime))
  }

  @Test func theNearerEndIsTheOneThatIsToldOf() {
    let watch = watch(idle: 1000, lifetime: 950)
    #expect(watch.verdict(now: time(900)) == .warn(.lifetime, seconds: 50))
  }

  @Test func withoutLimitsItGoesOnForEver() {
    #expect(watch(idle: nil).verdict(now: .max) == .goOn)
  }

  @Test func aClockThatIsSetBackStopsNothing() {
    #expect(watch(lifetime: 100).verdict(now: 0) == .goOn)
  }
}
