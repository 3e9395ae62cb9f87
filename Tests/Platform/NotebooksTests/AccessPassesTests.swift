import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Notebooks

@Suite struct AccessPassesTests {
  private final class Clock: Sendable {
    let nanoseconds = Mutex<Int64>(1_000_000_000_000_000_000)

    func pass(seconds: Int64) { nanoseconds.withLock { $0 += seconds * 1_000_000_000 } }
  }

  private func passes(_ clock: Clock = Clock(), key: UInt8 = 1) -> AccessPasses {
    AccessPasses(key: [UInt8](repeating: key, count: 32)) { clock.nanoseconds.withLock { $0 } }
  }

  @Test func aPassOpensWhatItWasMadeForAndNothingElse() {
    let passes = passes()
    let ticket = passes.make(.ticket, for: "notebooks/a")
    #expect(passes.isValid(ticket, .ticket, for: "notebooks/a"))
    #expect(!passes.isValid(ticket, .ticket, for: "notebooks/b"))
    #expect(!passes.isValid(ticket, .session, for: "notebooks/a"))
    #expect(!self.passes(key: 2).isValid(ticket, .ticket, for: "notebooks/a"))
  }

  @Test func ticketsLastMinutesAndSessionsAMonth() {
    let clock = Clock()
    let passes = passes(clock)
    let ticket = passes.make(.ticket, for: "x")
    let session = passes.make(.session, for: "x")
    clock.pass(seconds: 299)
    #expect(passes.isValid(ticket, .ticket, for: "x"))
    clock.pass(seconds: 1)
    #expect(!passes.isValid(ticket, .ticket, for: "x") && passes.isValid(session, .session, for: "x"))
    clock.pass(seconds: 30 * 86_400)
    #expect(!passes.isValid(session, .session, for: "x"))
  }

  @Test func aForgedOrDamagedPassOpensNothing() {
    let passes = passes()
    let real = passes.make(.session, for: "x")
    let proof = real.split(separator: "-")[1]
    for pass in [
      "", "-", "9999999999-", "9999999999-\(proof)", "-1-\(proof)", "+9999999999-\(proof)", real + "0", real + "-",
    ] {
      #expect(!passes.isValid(pass, .session, for: "x"), "\(pass)")
    }
    for index in real.indices {
      var bent = real
      bent.replaceSubrange(index...index, with: bent[index] == "1" ? "2" : "1")
      #expect(!passes.isValid(bent, .session, for: "x"), "\(bent)")
    }
  }

  @Test func aKeyIsKeptForTheNextDaemon() throws {
    let directory = TemporaryDirectory()
    let path = directory.path + "/access.key"
    let pass = try AccessPasses(keyPath: path).make(.session, for: "x")
    #expect(try AccessPasses(keyPath: path).isValid(pass, .session, for: "x"))
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    unlink(path)
    #expect(try !AccessPasses(keyPath: path).isValid(pass, .session, for: "x"))
  }
}
