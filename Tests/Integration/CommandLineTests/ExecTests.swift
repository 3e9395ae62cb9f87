import Foundation
import Testing

/// Commands beside a job's own: in a terminal, and what becomes of them when nobody is there for them any more.
@Suite(.serialized) struct ExecTests {
  private func withRunningJob(_ body: (CairnInstance) throws -> Void) throws {
    try CairnInstance.with { cairn in
      let run = try cairn.begin(["run", "--name", "host", "--", "sh", "-c", "echo up; exec sleep 1000"])
      try cairn.eventually("the job runs") { run.outputSoFar == "up\n" }
      try body(cairn)
      #expect(try cairn.cairn("job", "stop", "host", "--grace", "0s", "--wait").code == 0)
    }
  }

  /// Whether a process of this host has this word on its command line.
  private func isThere(_ word: String) -> Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.contains { name in
      guard Int32(name) != nil, let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
        return false
      }
      // Not whoever only starts it there.
      let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      return words.first == "sleep" && words.contains(word)
    }
  }

  @Test func `a command ends when whoever ran it is killed, with what it has started, and others go on`() throws {
    try withRunningJob { cairn in
      let number = Int.random(in: 1_000_000..<9_000_000)
      let other = try cairn.begin(["job", "exec", "host", "--", "sleep", "\(number + 2)"])
      let killed = try cairn.begin([
        "job", "exec", "host", "--", "sh", "-c", "trap '' TERM; echo up; sleep \(number) & sleep \(number + 1); wait",
      ])
      try cairn.eventually("both run") {
        killed.outputSoFar == "up\n" && (0..<3).allSatisfy { isThere("\(number + $0)") }
      }
      killed.kill()
      try cairn.eventually("it has ended") { !isThere("\(number)") && !isThere("\(number + 1)") }
      #expect(isThere("\(number + 2)") && other.process.isRunning)
      other.kill()
      try cairn.eventually("the other has ended") { !isThere("\(number + 2)") }
      #expect(try cairn.state(of: "host") == "running")
    }
  }

  @Test func `a command runs in a terminal of the size that the user's has, which is as it was afterwards`() throws {
    try withRunningJob { cairn in
      let script = #"""
        import fcntl, os, pty, select, struct, sys, termios, time
        control, terminal = pty.openpty()
        def resize(rows, columns): fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        resize(31, 101)
        before = termios.tcgetattr(terminal)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
            for number in range(3): os.dup2(terminal, number)
            os.execv(sys.argv[1], [sys.argv[1], 'job', 'exec', '--tty', 'host', '--', 'sh'])
        output = b''
        def expect(text, asking=b''):
            global output
            deadline = time.time() + 30
            while text not in output:
                if time.time() > deadline: sys.exit(f'waited in vain for {text}: {output}')
                if asking: type(asking)
                if select.select([control], [], [], 0.1)[0]: output += os.read(control, 65536)
            output = output[output.index(text) + len(text):]
        def type(text): os.write(control, text)
        # What is asked stands in the answer, too, so the answer is put together by the shell.
        type(b'echo "re"ady\r'); expect(b'ready\r\n')
        assert termios.tcgetattr(terminal)[3] & (termios.ECHO | termios.ICANON) == 0, 'the terminal is not raw'
        # podman gives it its size in the moment after its start.
        type(b'tty\r'); expect(b'/dev/pts/'); expect(b'31 101\r\n', asking=b'stty size\r')
        type(b"trap 'stty size' WINCH; echo \"tr\"apped\r"); expect(b'trapped\r\n')
        # A shell that waits for a line attends to the signal after it.
        resize(41, 121); expect(b'41 121\r\n', asking=b'\r')
        # A key that is a signal reaches the command, and not this program's client.
        type(b'echo "sl"eeps; sleep 1000\r'); expect(b'sleeps\r\n'); time.sleep(1)
        type(b'\x03'); type(b'echo "a"live\r'); expect(b'alive\r\n')
        type(b'exit 9\r')
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 9, status
        assert termios.tcgetattr(terminal) == before, 'the terminal is not as it was'
        print('well')
        """#
      let outcome = try RunningCommand(
        program: "/usr/bin/python3", arguments: ["-c", script, CairnInstance.program("cairn")],
        directory: cairn.directory,
        environment: ["CAIRN_SOCKET": cairn.socket, "PATH": "/usr/bin:/bin", "TERM": "xterm"]
      ).finish()
      #expect(outcome.output == "well\n", "\(outcome)")
    }
  }
}
