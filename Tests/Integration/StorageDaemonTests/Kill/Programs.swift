import Foundation
import Glibc
import Linux

/// What ordinary programs do in a directory again and again, and how to see that all of it is there.
///
/// `run` works in `$W` until `$O/stop` exists, and writes the number of rounds to `$O/NAME.rounds`; `verify` looks at
/// what is left. Both say nothing and end with 0 unless something is wrong. `$O/src` holds files to work with.
struct LoadProgram {
  let name: String
  let interpreter: [String]
  let script: String

  private static func shell(_ name: String, run: String, verify: String) -> LoadProgram {
    let script = """
      set -euo pipefail
      rounds=0
      run() {
        while [[ ! -e $O/stop ]]; do
          rounds=$((rounds + 1))
          round
          echo $rounds >$O/\(name).rounds
        done
      }
      round() {
      \(run)
      }
      verify() {
        rounds=$(cat $O/\(name).rounds)
      \(verify)
      }
      cd $W
      $1
      """
    return LoadProgram(name: name, interpreter: ["/bin/bash", "-c"], script: script)
  }

  private static func python(_ name: String, _ body: String) -> LoadProgram {
    let script = """
      import hashlib, json, os, random, sqlite3, sys
      W, O = os.environ["W"], os.environ["O"]
      os.chdir(W)
      def stopped(): return os.path.exists(O + "/stop")
      def save(text):
        with open(O + "/\(name).rounds", "w") as f: f.write(text)
      def load():
        with open(O + "/\(name).rounds") as f: return f.read()
      \(body)
      run() if sys.argv[1] == "run" else verify()
      """
    return LoadProgram(name: name, interpreter: ["/usr/bin/env", "python3", "-c"], script: script)
  }

  /// Files to work with, and an archive of them.
  static let preparation = """
    set -euo pipefail
    mkdir $O/src
    cd $O/src
    for d in 1 2 3 4 5 6 7 8; do
      mkdir -p $d/deep
      for f in 1 2 3 4 5 6 7 8; do
        head -c $((RANDOM % 30000)) /dev/urandom >$d/$f
        ln -s ../$f $d/deep/link$f
      done
      ln $d/1 $d/deep/same
      chmod 640 $d/2
    done
    head -c 3000000 /dev/urandom >$O/blob
    tar -cf $O/src.tar -C $O/src .
    """

  /// Calls that fail when they are carried out twice, as fast as they go, so that a kill meets one in its midst.
  private static func names(_ name: String) -> LoadProgram {
    python(
      name,
      """
      def run():
        n = 0
        while not stopped():
          for _ in range(100):
            n += 1
            os.mkdir("d")
            os.rename("d", "e")
            os.close(os.open("f", os.O_CREAT | os.O_EXCL))
            os.link("f", "g")
            os.unlink("f")
            os.symlink("g", "s")
            os.rename("g", "e/g")
            os.unlink("e/g")
            os.rmdir("e")
            os.unlink("s")
          save(str(n))
      def verify(): assert os.listdir(".") == []
      """)
  }

  static let all = [
    names("names1"), names("names2"), names("names3"),
    shell(
      "tar",
      run: """
        mkdir new
        tar -xf $O/src.tar -C new
        diff -r --no-dereference $O/src new
        rm -rf kept
        mv new kept
        """,
      verify: """
        rm -rf new
        diff -r --no-dereference $O/src kept
        """),
    shell(
      "copy",
      run: """
        cp -a $O/src a
        cp -a a b
        rm -r a
        [[ $(find b -type f | wc -l) -eq 72 ]]
        [[ $(stat -c %a,%h b/3/2 b/3/1 | tr '\\n' ' ') == "640,1 644,2 " ]]
        diff -r --no-dereference $O/src b
        rm -r b
        [[ -z $(ls -A) ]]
        """, verify: "[[ -z $(ls -A) ]]"),
    shell(
      "lines",
      run: """
        for i in 0 1 2 3 4 5 6 7 8 9; do echo "$rounds.$i" >>log; done
        ln -f log log.$((rounds % 5))
        mv log.$((rounds % 5)) again
        rm again
        """,
      verify: """
        for r in $(seq $rounds); do for i in 0 1 2 3 4 5 6 7 8 9; do echo $r.$i; done; done | cmp - log
        """),
    shell(
      "dd",
      run: """
        dd if=$O/blob of=blob bs=64k conv=fsync status=none
        cmp $O/blob blob
        dd if=$O/blob of=blob bs=1k skip=7 seek=100 count=500 conv=notrunc status=none
        dd if=$O/blob bs=5000 count=40 oflag=append conv=notrunc status=none of=blob
        tail -c 200000 blob | cmp -n 200000 - $O/blob
        truncate -s 1000000 blob
        mv blob kept
        """, verify: "[[ $(stat -c %s kept) -eq 1000000 ]] && cmp -n 100000 kept $O/blob"),
    shell(
      "git",
      run: """
        [[ -e .git ]] || git -c init.defaultBranch=main init -q
        cp $O/src/$((rounds % 8 + 1))/* . 2>/dev/null || true
        echo $rounds >round
        git add -A
        git -c user.name=n -c user.email=e commit -q -m "$rounds"
        [[ $((rounds % 6)) -ne 0 ]] || git gc -q
        [[ $(git rev-list --count HEAD) -eq $rounds ]]
        """,
      verify: """
        git fsck --strict --no-progress --no-dangling
        [[ $(git rev-list --count HEAD) -eq $rounds && -z $(git status --porcelain) ]]
        """),
    python(
      "sqlite",
      """
      def run():
        d = sqlite3.connect("db", isolation_level=None)
        d.execute("PRAGMA journal_mode=WAL")
        d.execute("PRAGMA synchronous=FULL")
        d.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, x BLOB)")
        n = 0
        while not stopped():
          d.execute("BEGIN")
          for _ in range(5):
            n += 1
            d.execute("INSERT INTO t VALUES (?, ?)", (n, n.to_bytes(8, "little") * random.randrange(1, 600)))
          d.execute("COMMIT")
          save(str(n))
          if n % 50 == 0:
            assert d.execute("SELECT count(*), max(n) FROM t").fetchone() == (n, n)
      def verify():
        d = sqlite3.connect("db")
        assert d.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        n = int(load())
        assert d.execute("SELECT count(*), max(n) FROM t").fetchone() == (n, n), n
        for n, x in d.execute("SELECT n, x FROM t"):
          assert x == n.to_bytes(8, "little") * (len(x) // 8), n
      """),
    python(
      "pieces",
      """
      def run():
        content, rounds = bytearray(), 0
        f = os.open("file", os.O_RDWR | os.O_CREAT)
        while not stopped():
          rounds += 1
          offset, piece = random.randrange(len(content) + 5000), os.urandom(random.randrange(1, 200000))
          if len(content) > 5000000:
            del content[100000:]
            os.ftruncate(f, 100000)
            continue
          if len(content) < offset: content.extend(bytes(offset - len(content)))
          content[offset:offset + len(piece)] = piece
          assert os.pwrite(f, piece, offset) == len(piece)
          if rounds % 7 == 0:
            os.fsync(f)
            os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
            assert os.pread(f, len(content) + 1, 0) == content
          with open("new", "wb") as new: new.write(piece)
          os.setxattr("new", "user.sum", hashlib.sha256(piece).digest())
          os.rename("new", "replaced")
        save(json.dumps([rounds, hashlib.sha256(content).hexdigest()]))
      def verify():
        with open("file", "rb") as f: assert hashlib.sha256(f.read()).hexdigest() == json.loads(load())[1]
        with open("replaced", "rb") as f:
          assert hashlib.sha256(f.read()).digest() == os.getxattr("replaced", "user.sum")
      """),
  ]

  /// Starts a phase of it.
  func start(_ phase: String, in directory: String, beside outside: String) throws -> RunningProgram {
    let process = Process()
    process.executableURL = URL(filePath: interpreter[0])
    process.arguments =
      Array(interpreter.dropFirst()) + [script] + (interpreter[0] == "/bin/bash" ? [name] : []) + [phase]
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    process.environment = ProcessInfo.processInfo.environment.merging(["W": directory, "O": outside]) { $1 }
    let path = "\(outside)/\(name).\(phase).output"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    if descriptor < 0 { throw SystemError("open", path) }
    process.standardOutput = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    process.standardError = process.standardOutput
    try process.run()
    return RunningProgram(name: name, process: process, output: path)
  }
}

struct RunningProgram {
  let name: String
  let process: Process
  let output: String

  /// What is wrong with how it ended; nil: nothing.
  var complaint: String? {
    let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? "no output"
    guard process.terminationStatus != 0 || !text.isEmpty else { return nil }
    return "\(name) ended with \(process.terminationStatus): \(text)"
  }
}
