import Testing

@testable import Deployments

@Suite struct ProxyTests {
  private func server(_ name: String, weight: Int = 100) -> ProxyServer {
    ProxyServer(name: name, address: "10.88.0.2:8080", weight: weight, concurrency: nil, isHTTP2: false)
  }

  private func deployment(_ servers: [ProxyServer]) -> ProxyDeployment {
    ProxyDeployment(
      name: "digits", interface: .raw, lock: nil, holdLimit: 10, holdSeconds: 5, mayBeZero: true, servers: servers)
  }

  private func observed(_ name: String, weight: Int = 100, isInMaintenance: Bool = false) -> ObservedServer {
    ObservedServer(backend: "deployment-digits", name: name, weight: weight, isInMaintenance: isInMaintenance)
  }

  @Test func aServerThatIsMissingIsAddedCheckedAndEnabled() {
    #expect(
      proxyCommands(wanted: [deployment([server("a")])], observed: []) == [
        "add server deployment-digits/a 10.88.0.2:8080 check inter 1s fall 2 rise 1 weight 100",
        "enable health deployment-digits/a", "enable server deployment-digits/a",
      ])
  }

  @Test func oneThatIsAsWantedIsLeftAlone() {
    #expect(proxyCommands(wanted: [deployment([server("a")])], observed: [observed("a")]).isEmpty)
  }

  @Test func weightsAndMaintenanceAreCorrected() {
    let commands = proxyCommands(
      wanted: [deployment([server("a", weight: 0)])], observed: [observed("a", isInMaintenance: true)])
    #expect(
      commands == ["set server deployment-digits/a weight 0", "set server deployment-digits/a state ready"])
  }

  @Test func oneThatIsNotWantedIsTakenOutAndDeleted() {
    #expect(
      proxyCommands(wanted: [deployment([])], observed: [observed("a"), observed("b", isInMaintenance: true)]) == [
        "set server deployment-digits/a state maint", "del server deployment-digits/a",
        "del server deployment-digits/b",
      ])
  }

  @Test func theStructureKnowsNoServers() {
    var configuration = ProxyConfiguration(directory: "/run/p", listen: "127.0.0.1:1", user: nil, deployments: [])
    configuration.deployments = [deployment([server("a")])]
    let structure = configuration.structure
    configuration.deployments = [deployment([server("a", weight: 7), server("b")])]
    #expect(configuration.structure == structure)
    #expect(configuration.text(description: "x").contains("  server b 10.88.0.2:8080 check"))
    configuration.deployments[0].holdLimit = 11
    #expect(configuration.structure != structure)
  }

  @Test func whatTheProxySaysIsParsed() {
    let state = """
      1
      # be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight
      4 deployment-digits 1 a 10.88.0.2 2 0 100 1
      4 deployment-digits 2 b 10.88.0.3 0 1 0 1
      short line
      """
    #expect(parseServers(state) == [observed("a"), observed("b", weight: 0, isInMaintenance: true)])
    let statistics = """
      # pxname,svname,qcur,qmax,scur,smax,slim,stot,bin
      deployment-digits,a,1,2,3,4,,5,6
      serve,FRONTEND,,,1,2,3,4,5
      nonsense
      """
    #expect(
      parseStatistics(statistics) == [
        ServerStatistics(backend: "deployment-digits", server: "a", current: 3, queued: 1, total: 5),
        ServerStatistics(backend: "serve", server: "FRONTEND", current: 1, queued: 0, total: 4),
      ])
    #expect(parseHeld("deployment-a 3\n\nx\n") == ["deployment-a": 3])
    let processes = ProxyProcesses(
      parsing: """
        #<PID>          <type>          <reloads>       <uptime>        <version>
        31034           master          1 [failed: 2]   0d00h00m25s     2.6.12-1+deb12u4
        # workers
        31686           worker          0               0d00h00m01s     2.6.12-1+deb12u4
        # old workers
        31035           worker          1               0d00h00m25s     2.6.12-1+deb12u4
        # programs
        """)
    #expect(processes.worker == 31686 && processes.oldWorkers == [31035] && processes.failedReloads == 2)
  }

  @Test func aLineOfTheAccessLogIsParsed() throws {
    let line = "1795451676 42 digits cairn-serve-digits-abc-1 200 17 1234 127.0.0.1 POST /serve/digits/v2/x y"
    let entry = try #require(AccessLogEntry(parsing: line))
    #expect(entry.time == 1_795_451_676_042_000_000)
    #expect(entry.deployment == "digits" && entry.server == "cairn-serve-digits-abc-1" && entry.status == 200)
    #expect(entry.milliseconds == 17 && entry.bytes == 1234 && entry.path == "/serve/digits/v2/x y")
    #expect(AccessLogEntry(parsing: "1 2 - <NOSRV> 404 0 1 127.0.0.1 GET /") == nil)
    #expect(AccessLogEntry(parsing: "1 2 a <NOSRV> 503 0 1 127.0.0.1 GET /")?.server == nil)
    for hostile in ["", " ", "9223372036854775807 1 a b 1 1 1 c G /", "1 2 a b c d e f g h", "-1 0 a b 1 1 1 c G /"] {
      #expect(AccessLogEntry(parsing: hostile) == nil)
    }
  }

  private func counted(_ line: String) -> AccessLogLine? {
    Array(line.utf8).withUnsafeBytes { AccessLogLine($0) }
  }

  @Test func whatIsCountedOfALineIsWhatIsShownOfIt() throws {
    let lines = [
      "1795451676 42 digits cairn-serve-digits-abc-1 200 17 1234 127.0.0.1 POST /serve/digits/v2/x y",
      "1 2 a <NOSRV> 503 0 1 127.0.0.1 GET /", "1 2 a <NOSRV> 408 -1 -1 127.0.0.1 <BADREQ> <BADREQ>",
      "1 2 - <NOSRV> 404 0 1 127.0.0.1 GET /", "", " ", "a", "9223372036854775807 1 a b 1 1 1 c G /",
      "92233720368547758079223372036854775807 1 a b 1 1 1 c G /", "1 2 a b c d e f g h", "-1 0 a b 1 1 1 c G /",
      "1 2 a b 200 1 1 c G", "1 2 a b 200 1 - c G /", "1 2 -a b 200 1 1 c G /",
    ]
    for line in lines {
      let entry = AccessLogEntry(parsing: line)
      let counted = counted(line)
      #expect((entry == nil) == (counted == nil), "\(line)")
      guard let entry, let counted else { continue }
      #expect(counted.second == entry.time / 1_000_000_000 && counted.status == entry.status, "\(line)")
      #expect(counted.milliseconds == entry.milliseconds && counted.bytes == entry.bytes, "\(line)")
      #expect(String(decoding: Array(line.utf8)[counted.deployment], as: UTF8.self) == entry.deployment, "\(line)")
    }
  }

  @Test func latenciesAreCountedByClass() throws {
    var statistics = TrafficStatistics()
    #expect(statistics.quantile(0.5) == nil)
    for milliseconds in [0, 1, 2, 3, 4, 9, 9, 9, 9, 70_000] {
      statistics.add(try #require(counted("1000 0 a s 200 \(milliseconds) 10 c GET /")))
    }
    #expect(statistics.requests == 10 && statistics.bytes == 100 && statistics.statuses == [2: 10])
    #expect(statistics.quantile(0.5) == 5)
    #expect(statistics.quantile(0.9) == 10)
    #expect(statistics.quantile(0.99) == nil)
    #expect(statistics.rate(now: 1_000_000_000_000) == 10.0 / 60)
    #expect(statistics.rate(now: 1_100_000_000_000) == 0)
  }

  @Test func credentialsAreKeptAsAnHMAC() throws {
    // RFC 4231, test case 2.
    let digest = hmacSHA256(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
    #expect(digest.prefix(4) == [0x5B, 0xDC, 0xC1, 0x46])
    let token = try #require(Credentials.make(.token))
    let lock = token.lock
    #expect(!lock.proof.contains(token.secret) && lock.proof.count == 64)
    #expect(token.lock.key != lock.key)
    #expect(Credentials.make(.none) == nil)
    #expect(Credentials(kind: .basic, user: "Aladdin", secret: "open sesame").word == "QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
  }
}
