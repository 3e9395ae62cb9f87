import Foundation
import Glibc
import Testing

/// A real JupyterLab, on the host's root file system, behind a real daemon.
@Suite(.serialized) struct NotebookTests {
  /// Without an index, and without what builds packages.
  static let install = """
    import subprocess, zipfile
    with zipfile.ZipFile("tiny_package-1.0-py3-none-any.whl", "w") as wheel:
        info = "tiny_package-1.0.dist-info"
        wheel.writestr("tiny_package.py", "VALUE = 42")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tiny_package\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    subprocess.run(["pip", "install", "--quiet", "--no-index", "./tiny_package-1.0-py3-none-any.whl"], check=True)
    """

  private func start(_ cairn: CairnInstance, _ options: String...) throws -> String {
    let started = try cairn.begin(["notebook", "start", "--python", NotebookBrowser.jupyter] + options).finish()
    guard started.code == 0 else { throw CairnInstance.Problem(description: "\(started)") }
    return started.output.trimmingCharacters(in: .newlines)
  }

  private func state(_ cairn: CairnInstance, _ name: String) throws -> String? {
    (try cairn.json("notebook", "show", name)["notebook"] as? [String: Any])?["state"] as? String
  }

  /// Without the ticket.
  private func stable(_ address: String) -> String { String(address.prefix { $0 != "?" }) }

  @Test func filesAndPackagesOutliveAStopAndGoWithAFork() throws {
    try CairnInstance.with(listens: true) { cairn in
      let browser = NotebookBrowser(cairn)
      try cairn.write("from the directory", to: "given.txt")
      let address = try start(cairn, "--name", "first", "--workspace", ".")
      #expect(try browser.do(address, "page") == stable(address).replacing(/http:..[^\/]*/, with: "") + "\n")
      // The cookie is enough from now on.
      #expect(
        try browser.do(stable(address), "run", "print(open('given.txt').read()); open('file', 'w').write('mine')")
          == "from the directory\n")
      _ = try browser.do(stable(address), "run", Self.install)
      #expect(try cairn.cairn("notebook", "stop", "first").code == 0)
      #expect(try browser.status(stable(address)) == 401)
      #expect(try cairn.cairn("notebook", "open", "first").code == 1)

      let resumed = try cairn.cairn("notebook", "resume", "first")
      #expect(stable(resumed.output) == stable(address))
      let look = "import os, tiny_package; print(open('file').read(), tiny_package.VALUE, os.path.exists('other'))"
      #expect(try browser.do(stable(address), "run", look) == "mine 42 False\n")

      #expect(try cairn.cairn("notebook", "fork", "first", "--name", "second").code == 0)
      let fork = try cairn.cairn("notebook", "resume", "second").output.trimmingCharacters(in: .newlines)
      #expect(try browser.do(fork, "run", look) == "mine 42 False\n")
      _ = try browser.do(fork, "run", "open('other', 'w').write('x'); open('file', 'w').write('theirs')")
      #expect(try browser.do(stable(address), "run", look) == "mine 42 False\n")

      // What it was at its stop can be looked at, and be begun anew.
      let snapshots = try #require(try cairn.json("notebook", "show", "first")["snapshots"] as? [[String: Any]])
      let path = try #require(snapshots.first?["workspace"] as? String)
      #expect(FileManager.default.contents(atPath: "\(cairn.mount)/\(path)/file") == Data("mine".utf8))
      _ = try browser.do(stable(address), "run", "open('file', 'w').write('later')")
      #expect(try cairn.cairn("notebook", "fork", "first", "--name", "third", "--snapshot", "1").code == 0)
      let third = try #require(try cairn.json("notebook", "show", "third")["notebook"] as? [String: Any])["id"]
      #expect(
        FileManager.default.contents(atPath: "\(cairn.mount)/workspaces/\(third ?? "")/file") == Data("mine".utf8))

      // Nothing is left of those that are removed.
      #expect(try cairn.cairn("notebook", "rm", "first").code == 1)
      #expect(try cairn.cairn("notebook", "stop", "first", "second").code == 0)
      #expect(try cairn.cairn("notebook", "rm", "first", "second", "third").code == 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: cairn.mount + "/volumes").isEmpty)
      let artifacts = cairn.mount + "/artifacts/project"
      #expect((try? FileManager.default.contentsOfDirectory(atPath: artifacts))?.isEmpty ?? true)
      #expect((try cairn.json("job", "ls")["jobs"] as? [Any])?.isEmpty == true)
      let listed = try cairn.json("notebook", "ls")["notebooks"] as? [[String: Any]]
      #expect(listed?.isEmpty == true)
    }
  }

  @Test func onlyWhoShowsATicketACookieOrATokenIsLetIn() throws {
    try CairnInstance.with(listens: true) { cairn in
      let browser = NotebookBrowser(cairn)
      let address = try start(cairn)
      let base = String(stable(address).dropLast("lab".count))
      let status = base + "api/status"
      #expect(try browser.status(status) == 401)
      #expect(try browser.status(address + "0") == 403)
      #expect(try browser.status(stable(address) + "?cairn_ticket=9999999999-00") == 403)

      let token = try cairn.json("token", "create")["token"] as? String ?? ""
      let ofProject = try cairn.json("token", "create", "--project", "project")["token"] as? String ?? ""
      #expect(try browser.status(status, "Authorization: Bearer \(token)") == 200)
      #expect(try browser.status(status, "Authorization: token \(token)") == 200)
      #expect(try browser.status(status + "?token=\(token)") == 200)
      #expect(try browser.status(status, "Authorization: Bearer \(ofProject)") == 403)

      _ = try browser.do(address, "page")
      #expect(try browser.do(stable(address), "handshake", "http://127.0.0.1:\(cairn.port ?? 0)") == "101\n")
      // Another port is another origin, though to cookies it is the same site.
      for origin in ["http://127.0.0.1:1", "https://example.org", "null"] {
        #expect(try browser.do(stable(address), "handshake", origin) == "403\n")
      }
      // What a browser says of pages that can't forge it.
      #expect(try browser.statusWithCookie(status, "Sec-Fetch-Site: same-origin") == 200)
      #expect(try browser.statusWithCookie(status, "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors") == 403)
      let navigation = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]
      #expect(try browser.statusWithCookie(status, "Sec-Fetch-Site: cross-site", navigation[0], navigation[1]) == 200)
      #expect(
        try browser.statusWithCookie(status, "Sec-Fetch-Site: cross-site", navigation[0], "Sec-Fetch-Dest: iframe")
          == 403)
      let kernels = base + "api/kernels"
      #expect(try browser.statusWithCookie(kernels, method: "POST", "Origin: http://127.0.0.1:1") == 403)
      #expect(
        try browser.statusWithCookie(kernels, method: "POST", "Origin: http://127.0.0.1:\(cairn.port ?? 0)") == 201)
      // What runs in the notebook sees neither the cookie nor anything of Cairn's own.
      let look = "import os; print(os.listdir('/run/cairn'), 'JUPYTER_TOKEN' in os.environ)"
      #expect(try browser.do(stable(address), "run", look).hasSuffix("False\n"))
    }
  }

  @Test func aDaemonThatIsKilledLeavesKernelsAndSessionsAlone() throws {
    try CairnInstance.with(listens: true) { cairn in
      let browser = NotebookBrowser(cairn)
      let address = try start(cairn)
      let kernel = try browser.do(address, "begin", "import time; kept = 7; time.sleep(3)")
        .trimmingCharacters(in: .newlines)
      let daemon = try #require(try cairn.json("system", "info")["pid"] as? Int)
      kill(pid_t(daemon), SIGKILL)
      try cairn.eventually("the daemon is back", within: 60) {
        let outcome = try cairn.begin(["system", "info", "--json"]).finish()
        return outcome.code == 0 && !outcome.output.contains("\"pid\":\(daemon),")
      }
      // With the same cookie, and with what the kernel had in its memory.
      try cairn.eventually("the notebook is reachable") {
        try browser.begin(stable(address), "page").finish().code == 0
      }
      #expect(try browser.do(stable(address), "attach", kernel, "print(kept)") == "7\n")
      #expect(try cairn.cairn("notebook", "stop", "-d", try name(cairn)).code == 0)
      kill(pid_t(try cairn.json("system", "info")["pid"] as? Int ?? 0), SIGKILL)
      try cairn.eventually("it has stopped for all that", within: 90) {
        (try? state(cairn, try name(cairn))) == "stopped"
      }
    }
  }

  private func name(_ cairn: CairnInstance) throws -> String {
    let notebooks = try cairn.json("notebook", "ls")["notebooks"] as? [[String: Any]]
    return try #require(notebooks?.first?["id"] as? String)
  }

  @Test func idleNotebooksStopAndBusyOnesDoNot() throws {
    try CairnInstance.with(listens: true) { cairn in
      let browser = NotebookBrowser(cairn)
      // Its time runs while the others are looked at.
      let short = try start(cairn, "--name", "short", "--max-lifetime", "10s")
      _ = try browser.do(short, "begin", "while True: pass")
      let busy = try start(cairn, "--name", "busy", "--idle-timeout", "5s")
      // It only waits: no processor tells that it is busy, and nobody listens to it.
      _ = try browser.do(busy, "begin", "import time; time.sleep(3600)")
      let idle = try start(cairn, "--name", "idle", "--idle-timeout", "5s")
      _ = try browser.do(idle, "page")
      try cairn.eventually("the idle one has stopped", within: 60) {
        // An open tab asks again and again. That is no work.
        _ = try browser.status(stable(idle))
        return try state(cairn, "idle") == "stopped"
      }
      let stopped = try #require(try cairn.json("notebook", "show", "idle")["notebook"] as? [String: Any])
      #expect(stopped["reason"] as? String == "idle")
      #expect(try state(cairn, "busy") == "running")
      try cairn.eventually("its time is over", within: 60) { try state(cairn, "short") == "stopped" }
      #expect(try state(cairn, "busy") == "running")
    }
  }

  @Test func theExampleRuns() throws {
    try CairnInstance.with(listens: true) { cairn in
      let example = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "../../../../examples/notebook"
      ).standardizedFileURL.path
      let address = try start(cairn, "--name", "line", "--project", "examples", "--workspace", example)
      let written = try NotebookBrowser(cairn).do(address, "cells", "line.ipynb")
      #expect(written.hasPrefix("y = 2.9 x + 0.5\n"), "\(written)")
      let id = try name(cairn)
      let artifact = cairn.mount + "/artifacts/examples/\(id)/line.json"
      #expect(FileManager.default.contents(atPath: artifact)?.isEmpty == false)
      #expect(try cairn.cairn("notebook", "stop", "line").code == 0)
      #expect(try cairn.cairn("notebook", "rm", "line").code == 0)
      // Results outlive it, as those of jobs do.
      #expect(FileManager.default.contents(atPath: artifact)?.isEmpty == false)
    }
  }

  @Test func whatCanNotStartSaysWhy() throws {
    try CairnInstance.with(listens: true) { cairn in
      let none = try cairn.cairn("notebook", "start", "--name", "none", "--python", "/usr/bin/python3")
      #expect(none.code == 1)
      #expect(none.complaint.contains("start_failed"))
      #expect(try cairn.cairn("notebook", "logs", "none").complaint.contains("has no JupyterLab"))
      #expect(try state(cairn, "none") == "failed")
      let missing = try cairn.cairn("notebook", "start", "--image", "localhost/no-such-image:1")
      #expect(missing.code == 1 && missing.complaint.contains("no-such-image"))
      #expect(try cairn.cairn("notebook", "start", "--name", "none").complaint.contains("already"))
      #expect(try cairn.cairn("notebook", "rm", "none").code == 0)
    }
  }
}
