import Foundation
import Glibc
import Testing

/// What anybody who may use the socket can send: a fault of the request is never answered as one of the daemon.
@Suite(.serialized) struct HostileRequestTests {
  private struct Case {
    let request: String
    let body: String
    /// nil: the connection may be closed without an answer.
    let allowed: Set<Int?>

    init(_ request: String, _ body: String = "", _ allowed: Int?...) {
      self.request = request
      self.body = body
      self.allowed = Set(allowed)
    }
  }

  /// The status that a request is answered with; nil: the connection was closed without one.
  private func status(_ socketPath: String, _ bytes: [UInt8]) throws -> Int? {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socketPath.utf8) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else { throw CairnInstance.Problem(description: "nobody listens any more") }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { break }
      sent += count
    }
    shutdown(descriptor, Int32(SHUT_WR))
    var answer = [UInt8](repeating: 0, count: 64)
    let count = recv(descriptor, &answer, answer.count, 0)
    if count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) {
      throw CairnInstance.Problem(description: "no answer in 20 s")
    }
    let words = String(decoding: answer.prefix(max(count, 0)), as: UTF8.self).split(separator: " ")
    return words.count > 1 && words[0].hasPrefix("HTTP/1") ? Int(words[1]) : nil
  }

  private func bytes(_ request: String, _ body: String, length: Int? = nil) -> [UInt8] {
    Array("\(request) HTTP/1.1\r\nHost: x\r\nContent-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)".utf8)
  }

  private func check(_ cairn: CairnInstance, _ cases: [Case]) throws {
    for item in cases {
      let status = try status(cairn.socket, bytes(item.request, item.body))
      #expect(item.allowed.contains(status), "\(item.request) \(item.body.prefix(200)): \(status ?? 0)")
    }
  }

  private func job(_ fields: String) -> Case {
    Case("POST /v1/jobs", #"{"image":"host","command":["true"],"project":"p"\#(fields)}"#, 400)
  }

  @Test func noRequestIsAFaultOfTheDaemon() throws {
    try CairnInstance.with { cairn in
      let before = try cairn.json("system", "info")["pid"] as? Int32
      try check(
        cairn,
        [
          Case("POST /v1/jobs", "", 400), Case("POST /v1/jobs", "[]", 400), Case("POST /v1/jobs", "{", 400),
          Case("POST /v1/jobs", #"{"image":"host","comm"#, 400), Case("POST /v1/jobs", "{}", 400),
          Case("POST /v1/jobs", #"{"image":5,"command":["true"]}"#, 400),
          Case("POST /v1/jobs", #"{"image":"host","command":"true"}"#, 400),
          Case("POST /v1/jobs", #"{"image":"host","command":[]}"#, 400),
          Case("POST /v1/jobs", #"{"image":"host","command":[""]}"#, 400),
          Case("POST /v1/jobs", #"{"image":"host","command":["a\u0000b"]}"#, 400),
          Case("POST /v1/jobs", #"{"image":"","command":["true"]}"#, 400),
          Case("POST /v1/jobs", #"{"image":"--privileged","command":["true"]}"#, 400),
          Case("POST /v1/jobs", #"{"image":"a\u0000b","command":["true"]}"#, 400),
          Case("POST /v1/jobs", String(repeating: "[", count: 500_000), 400),
          Case("POST /v1/jobs", #"{"image":""# + String(repeating: "x", count: 2 << 20) + #""}"#, 413, nil),
          job(#","gpus":-1"#), job(#","gpus":1e400"#), job(#","gpus":1.5"#), job(#","cpus":-1"#), job(#","cpus":0"#),
          job(#","memory_bytes":-1"#), job(#","memory_bytes":0"#), job(#","memory_bytes":36893488147419103232"#),
          job(#","timeout_seconds":-1"#), job(#","timeout_seconds":0"#), job(#","retries":-1"#),
          job(#","name":"a/b""#), job(#","name":"""#), job(#","name":"--x""#), job(#","name":"x/../y""#),
          job(#","environment":{"A=B":"c"}"#), job(#","environment":{"":"c"}"#),
          job(#","environment":{"A":"c\u0000"}"#), job(#","workspace_snapshot":-1"#),
          Case("GET /v1/jobs/a%2Fb", "", 404), Case("GET /v1/jobs/..%2F..%2Fetc", "", 404),
          Case("GET /v1/jobs/%00", "", 400), Case("GET /v1/jobs/%ff", "", 400), Case("GET /v1/jobs/%zz", "", 400),
          Case("GET /v1/jobs/%27%20OR%201=1", "", 404),
          Case("GET /v1/jobs/" + String(repeating: "a", count: 5000), "", 404),
          Case("GET /v1/jobs?limit=x", "", 400), Case("GET /v1/jobs?limit=0", "", 400),
          Case("GET /v1/jobs?limit=99999999999999999999", "", 400), Case("GET /v1/jobs?state=asleep", "", 400),
          Case("POST /v1/jobs/nobody/stop", "{}", 404),
          Case("POST /v1/jobs/nobody/stop", #"{"grace_seconds":-1}"#, 400, 404),
          Case("DELETE /v1/jobs/nobody", "", 404), Case("PUT /v1/jobs", "", 405), Case("GET /nothing", "", 404),
          Case("BREW /v1/jobs", "", 405, 404),
          Case("POST /v1/projects", #"{"name":"../x"}"#, 400), Case("POST /v1/projects", #"{"name":""}"#, 400),
          Case("GET /v1/projects/a%2Fb", "", 404), Case("DELETE /v1/projects/..", "", 404),
          Case("GET /v1/volumes/x", "", 400), Case("GET /v1/volumes/-1", "", 400),
          Case("GET /v1/volumes/99999999999999999999", "", 400), Case("GET /v1/volumes/4294967295", "", 404),
          Case("POST /v1/volumes", #"{"kind":"cloud"}"#, 400),
          Case("POST /v1/volumes", #"{"kind":"persistent","path":"../../etc"}"#, 400),
          Case("POST /v1/volumes", #"{"kind":"persistent","path":"/etc"}"#, 400),
          Case("POST /v1/volumes/4294967295/clone", #"{"kind":"persistent","path":"volumes/x"}"#, 404),
          Case("PUT /v1/volumes/4294967295/quota", #"{"quota_bytes":1,"quota_inodes":1}"#, 404),
          Case("GET /v1/models/nothing", "", 404), Case("GET /v1/models/a%2Fb", "", 404),
          Case("GET /v1/models?limit=0", "", 400), Case("GET /v1/models?filter=%27", "", 400),
          Case("GET /v1/models?filter=name%20=%20%27x%27%20OR%201=1", "", 400),
          Case("GET /v1/models?page_token=eA==", "", 400), Case("GET /v1/models/m/versions/1", "", 404),
          Case("DELETE /v1/models/nothing", "", 404), Case("DELETE /v1/models/nothing/versions/-1", "", 404),
          Case("PATCH /v1/models/nothing", "{}", 404), Case("PATCH /v1/models/nothing", #"{"stage":5}"#, 400),
          Case("PUT /v1/models/nothing/aliases/x", #"{"version":"1"}"#, 404),
          Case("POST /v1/models/m/versions", "{}", 400), Case("POST /v1/models/m/versions", "[", 400),
          Case("POST /v1/models/m/versions", #"{"job":"nobody"}"#, 404),
          Case("POST /v1/models/m/versions", #"{"job":"x","upload":1}"#, 400),
          Case("POST /v1/models/m/versions", #"{"upload":-1}"#, 400),
          Case("POST /v1/models/m/versions", #"{"upload":4294967295,"project":"p"}"#, 404),
          // The persistent volume is no upload, and must not be used up.
          Case("POST /v1/models/m/versions", #"{"upload":1,"project":"p"}"#, 400),
          Case("POST /v1/models/a%2Fb/versions", #"{"upload":1,"project":"p"}"#, 400),
          Case("POST /v1/models/../versions", #"{"upload":1,"project":"p"}"#, 400, 404, 405),
          Case("POST /v1/models/m/versions", #"{"upload":1,"project":"../p"}"#, 400),
          Case("POST /v1/models/trees", "{}\n", 400),
          Case("POST /v1/jobs", #"{"image":"host","command":["true"],"project":"p","models":["nothing:1"]}"#, 404),
          Case("POST /v1/jobs", #"{"image":"host","command":["true"],"project":"p","models":[""]}"#, 404),
          Case("POST /v1/workspaces/missing", #"{"digests":["x"]}"#, 400),
          Case("POST /v1/workspaces/missing", #"{"digests":"x"}"#, 400),
          Case("POST /v1/workspaces/chunks", "\u{1}", 400), Case("POST /v1/workspaces/chunks", "zzzzzzzzzz", 400, 413),
          Case("POST /v1/workspaces/trees", "{}\n", 400), Case("POST /v1/workspaces/trees", "", 400),
          Case(
            "POST /v1/workspaces/trees",
            #"{"path":"Li4=","kind":"directory","mode":493,"uid":0,"gid":0,"modified_nanoseconds":0}"# + "\n", 400),
        ])
      // The rest is not even a request.
      for raw in [
        bytes("POST /v1/jobs", "{}", length: 1_000), bytes("POST /v1/jobs", "", length: -5),
        Array("GET / HTTP/1.1\r\nX: \(String(repeating: "y", count: 4 << 20))\r\n\r\n".utf8),
        Array("GET /\(String(repeating: "y", count: 4 << 20)) HTTP/1.1\r\n\r\n".utf8),
        Array("\0\0\0\0\r\n\r\n".utf8), Array("GET\r\n\r\n".utf8), [],
        Array("POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".utf8),
        Array("POST /v1/jobs HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".utf8),
        Array("POST /v1/jobs HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n\r\n{}".utf8),
      ] {
        let status = try status(cairn.socket, raw)
        #expect(status.map { (400..<500).contains($0) } ?? true, "\(String(decoding: raw.prefix(80), as: UTF8.self))")
      }
      #expect(try cairn.json("system", "info")["pid"] as? Int32 == before, "the daemon was restarted")
      #expect(try #require(try cairn.json("job", "ls")["jobs"] as? [Any]).isEmpty)
    }
  }

  @Test func artifactsOfAHostileJobLeadNowhere() throws {
    try CairnInstance.with { cairn in
      let run = try cairn.cairn(
        "run", "--name", "trap", "--", "sh", "-c",
        """
        cd /artifacts; ln -s /etc/passwd file; ln -s /etc directory; ln -s .. up; ln -s / root; mkfifo fifo
        mkdir d; echo 0123456789 > d/content
        """)
      #expect(run.code == 0, "\(run)")
      let at = "GET /v1/artifacts/trap/content"
      try check(
        cairn,
        [
          Case("\(at)?path=d/content", "", 200), Case("\(at)?path=d%2fcontent", "", 200),
          Case("\(at)?path=file", "", 400), Case("\(at)?path=directory/passwd", "", 400),
          Case("\(at)?path=root/etc/passwd", "", 400), Case("\(at)?path=up/x", "", 400),
          Case("\(at)?path=fifo", "", 400),
          Case("\(at)?path=d", "", 400), Case("\(at)?path=", "", 400), Case(at, "", 400),
          Case("\(at)?path=../../../etc/passwd", "", 400), Case("\(at)?path=..%2f..%2fetc/passwd", "", 400),
          Case("\(at)?path=%2e%2e/%2e%2e/etc", "", 400), Case("\(at)?path=%252e%252e/x", "", 404),
          Case("\(at)?path=/etc/passwd", "", 400), Case("\(at)?path=d/content%00.txt", "", 400),
          Case("\(at)?path_bytes=Li4v", "", 400), Case("\(at)?path_bytes=YQBi", "", 400),
          Case("\(at)?path_bytes=L2V0Yy9wYXNzd2Q=", "", 400), Case("\(at)?path_bytes=!!!", "", 400),
          Case("\(at)?path=" + String(repeating: "x/", count: 2_500), "", 400, 404),
          Case("\(at)?path=" + String(repeating: "x/", count: 10_000), "", 414),
          Case("GET /v1/artifacts/trap?path=directory", "", 400), Case("GET /v1/artifacts/trap?path=up", "", 400),
          Case("GET /v1/artifacts/trap?recursive=maybe", "", 400), Case("GET /v1/artifacts/nobody", "", 404),
          Case("DELETE /v1/artifacts/trap?path=..", "", 400), Case("DELETE /v1/artifacts/trap?path=.", "", 400),
          Case("DELETE /v1/artifacts/trap?path=up/x", "", 400, 404),
        ])
      for (range, status) in [("bytes=0-3", 206), ("bytes=-4", 206), ("bytes=11-", 416), ("bytes=5-1", 416)] {
        let request = "\(at)?path=d/content HTTP/1.1\r\nRange: \(range)\r\n\r\n"
        #expect(try self.status(cairn.socket, Array(request.utf8)) == status, "\(range)")
      }
      let got = try cairn.cairn("artifact", "get", "trap", "d/content", "-")
      #expect(got.output == "0123456789\n")
      // Sealed by now; as a whole they can go.
      try cairn.eventually("the artifacts are sealed") {
        try status(cairn.socket, bytes("DELETE /v1/artifacts/trap?path=d/content", "")) == 409
      }
      #expect(try cairn.cairn("artifact", "rm", "trap").code == 0)
      #expect(try cairn.cairn("artifact", "ls", "trap").code == 1)
    }
  }

  @Test func anAmbiguousNameNamesTheCandidates() throws {
    try CairnInstance.with { cairn in
      var jobs: [String] = []
      // Identifiers begin with one of 26 letters, so two of 27 share a prefix; two of one name are quicker.
      for _ in 0..<2 {
        let run = try cairn.cairn(
          "run", "--detach", "--name", "twin", "--workspace", "none", "--project", "p", "--", "true")
        #expect(run.code == 0, "\(run)")
        jobs.append(run.output.trimmingCharacters(in: .whitespacesAndNewlines))
        #expect(try cairn.cairn("job", "wait", jobs[jobs.count - 1]).code == 0)
      }
      let shown = try cairn.cairn("job", "show", "twin")
      #expect(shown.code == 1 && jobs.allSatisfy { shown.complaint.contains($0) }, "\(shown)")
      #expect(try cairn.cairn("job", "rm", "twin").code == 1)
      #expect(try cairn.cairn("job", "show", String(jobs[0].prefix(10))).code == 0)
      let none = try cairn.cairn("job", "show", "nobody")
      #expect(none.code == 1 && none.complaint.contains("cairn job ls"))
    }
  }
}
