import Testing

/// Programs that people use, unmodified, in the mount.
@Suite("Programs", .timeLimit(.minutes(3)))
struct ProgramTests {
  /// Runs a script in an empty directory of a new mount. `$HOST` is an empty directory of the host's file system.
  /// Returns what the script wrote.
  @discardableResult
  private func inMount(_ script: String) throws -> String {
    var output = ""
    try withMount { store in
      try shell("mkdir \(store.base)/host \(store.root)/work")
      try writeFile(store.base + "/script", "set -eu\n" + script)
      output = try shell("cd \(store.root)/work && HOST=\(store.base)/host timeout 100 sh \(store.base)/script")
    }
    return output
  }

  @Test func gitCommitsPacksChecksAndClones() throws {
    let output = try inMount(
      """
      export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
      export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
      git init -q one && cd one
      for number in $(seq 500); do
        mkdir -p $((number % 20)) && echo "this is file $number" > $((number % 20))/$number
      done
      git add . && git commit -qm 'all files'
      for number in $(seq 1 10 500); do echo more >> $((number % 20))/$number; done
      git rm -qr 3 && git mv 4 5/moved && git commit -qam 'some files'
      git gc -q && git fsck --strict --no-progress && git status --porcelain
      git checkout -q HEAD~1 && git status --porcelain && git checkout -q -
      cd .. && git clone -q one two && git clone -q --no-local one three
      diff -r --exclude .git one two && diff -r --exclude .git one three
      git -C three fsck --strict --no-progress && git -C three log --oneline | wc -l
      find one -name .git -prune -o -type f -print | wc -l
      """)
    #expect(output == "2\n475\n")
  }

  @Test func pipInstallsAWheelIntoAVirtualEnvironment() throws {
    let output = try inMount(
      """
      cat > wheel.py <<'END'
      import base64, hashlib, zipfile
      files = {"tiny/__init__.py": "def main(): print('installed')\\n"}
      files |= {f"tiny/part{n}.py": f"value = {n}\\n" * 100 for n in range(100)}
      about = "tiny-1.0.dist-info/"
      files[about + "METADATA"] = "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n"
      files[about + "WHEEL"] = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
      files[about + "entry_points.txt"] = "[console_scripts]\\ntiny = tiny:main\\n"
      digest = lambda text: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
      record = "".join(f"{name},sha256={digest(text)},{len(text)}\\n" for name, text in files.items())
      files[about + "RECORD"] = record + about + "RECORD,,\\n"
      with zipfile.ZipFile("tiny-1.0-py3-none-any.whl", "w") as archive:
          for name, text in files.items(): archive.writestr(name, text)
      END
      python3 wheel.py && python3 -m venv environment
      environment/bin/pip install -q --disable-pip-version-check --no-index ./tiny-1.0-py3-none-any.whl
      environment/bin/tiny && environment/bin/python -c 'import tiny.part99; print(tiny.part99.value)'
      environment/bin/pip uninstall -qy tiny && test ! -e environment/bin/tiny
      """)
    #expect(output == "installed\n99\n")
  }

  /// The mode is set first: SQLite does not wait for another process while it changes it, on any file system.
  @Test func twoProcessesWriteToOneSQLiteDatabaseInWALMode() throws {
    let output = try inMount(
      """
      python3 - <<'END'
      import sqlite3
      database = sqlite3.connect("data.db", isolation_level=None)
      assert database.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
      database.execute("CREATE TABLE entries (writer INTEGER, number INTEGER, text TEXT)")
      END
      cat > writer.py <<'END'
      import sqlite3, sys
      database = sqlite3.connect("data.db", timeout=60, isolation_level=None)
      assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
      database.execute("PRAGMA wal_autocheckpoint = 50")
      database.execute("PRAGMA mmap_size = 1000000")
      for number in range(300):
          database.execute("BEGIN IMMEDIATE")
          count, = database.execute("SELECT count(*) FROM entries WHERE writer = ?", [sys.argv[1]]).fetchone()
          assert count == number, (count, number)
          database.execute("INSERT INTO entries VALUES (?, ?, ?)", [sys.argv[1], number, "x" * number])
          database.execute("COMMIT")
      END
      python3 writer.py 1 & first=$!
      python3 writer.py 2 & second=$!
      wait $first && wait $second
      python3 - <<'END'
      import sqlite3
      database = sqlite3.connect("data.db")
      print(*database.execute("PRAGMA integrity_check").fetchone())
      print(*database.execute("SELECT count(*), sum(length(text)) FROM entries").fetchone())
      END
      """)
    #expect(output == "ok\n600 89700\n")
  }

  /// A tree with everything that an archive can hold, and a command that describes one in full.
  private let tree = """
    describe() (
      cd "$1" && find . -printf '%P %y %m %U %G %s %n %l %T@\\n' | sed '/^ d/d; / d /s/ [0-9]* [0-9]*  / /' | sort
      find . -type f -exec sha256sum {} + | sort -k 2
      find . -print0 | sort -z | xargs -0 getfattr -hdm - && find . ! -type l -print0 | sort -z | xargs -0 getfacl -n
    )
    plant() (
      mkdir -p "$1" && cd "$1" && mkdir -p a/b 'a name with blanks'
      echo text > a/text && ln a/text a/b/other && ln a/text 'a name with blanks/third'
      ln -s ../a/text a/link && ln -s nowhere a/dangling && mkfifo a/fifo && mknod a/null c 1 3
      head -c 3000000 /dev/urandom > a/noise && head -c 100000 /dev/zero > a/zeros && : > a/empty
      truncate -s 100M a/holes && printf x | dd of=a/holes bs=1 seek=70M conv=notrunc status=none
      chmod 4751 a/text && chmod 1777 a/b && chown 12345:54321 a/noise && chown -h 7:8 a/link
      setfattr -n user.one -v 'a value' a/noise && setfattr -n user.two -v "$(head -c 3000 /dev/zero | tr '\\0' x)" a
      setfacl -m u:4711:rw,g:42:r a/empty && setfacl -d -m u:4711:rwx a/b
      touch -d '1980-02-03 04:05:06.789012345Z' a/noise && touch -hd '2040-01-01 00:00:00.5Z' a/link
    )

    """

  @Test func tarBringsATreeInAndOut() throws {
    try inMount(
      tree + """
        plant $HOST/first && describe $HOST/first > $HOST/expected
        tar --xattrs --xattrs-include='*' --acls -S -cf all.tar -C $HOST/first .
        mkdir here && tar --xattrs --xattrs-include='*' --acls -xpf all.tar -C here
        describe here > $HOST/found && diff $HOST/expected $HOST/found
        test $(stat -c %b here/a/holes) -lt 5000
        mkdir $HOST/second && tar --xattrs --xattrs-include='*' --acls -S -cf - -C here . |
          tar --xattrs --xattrs-include='*' --acls -xpf - -C $HOST/second
        describe $HOST/second > $HOST/found && diff $HOST/expected $HOST/found
        """)
  }

  /// With `-@ -1`, because rsync takes times of the same second for equal otherwise.
  @Test func rsyncBringsATreeInAndOut() throws {
    let output = try inMount(
      tree + """
        plant $HOST/first && describe $HOST/first > $HOST/expected
        rsync -aHAXS -@ -1 $HOST/first/ here/ && describe here > $HOST/found && diff $HOST/expected $HOST/found
        test $(stat -c %b here/a/holes) -lt 5000
        rsync -aHAXSc -@ -1 --delete --dry-run --itemize-changes $HOST/first/ here/
        echo changed >> $HOST/first/a/zeros && rm $HOST/first/a/b/other && describe $HOST/first > $HOST/expected
        rsync -aHAXS -@ -1 --inplace --no-whole-file --delete $HOST/first/ here/
        describe here > $HOST/found && diff $HOST/expected $HOST/found
        rsync -aHAXS -@ -1 here/ $HOST/second/ && describe $HOST/second > $HOST/found && diff $HOST/expected $HOST/found
        """)
    #expect(output.isEmpty)
  }

  @Test func makeBuildsAProjectAndThenOnlyWhatHasChanged() throws {
    let output = try inMount(
      """
      for number in $(seq 30); do
        printf '#include "all.h"\\nint part%d(void) { return ONE * %d; }\\n' $number $number > part$number.c
        echo "int part$number(void);" >> parts.h
        calls="${calls:-0} + part$number()"
      done
      printf '#include "parts.h"\\n#define ONE 1\\n' > all.h
      printf '#include <stdio.h>\\n#include "all.h"\\nint main(void) { printf("%%d\\\\n", %s); }\\n' "$calls" > main.c
      {
        printf 'objects = $(patsubst %%.c,%%.o,$(wildcard *.c))\\n'
        printf 'program: $(objects)\\n\\t$(CC) -o $@ $^\\n%%.o: %%.c all.h\\n\\t$(CC) -c -o $@ $<\\n\\t@echo $@ >> made\\n'
      } > Makefile
      make -s -j4 && ./program && make -q && wc -l < made
      touch part7.c && make -s && sort made | uniq -c | awk '$1 > 1 { print $2 }'
      sed -i 's/ONE 1/ONE 2/' all.h && make -s -j4 && ./program && make -q
      """)
    #expect(output == "465\n31\npart7.o\n930\n")
  }

  @Test func tailFollowsAFileThatGrows() throws {
    try inMount(
      """
      echo first > log
      tail -n +1 -f log > $HOST/seen & tail=$!
      trap 'kill $tail' EXIT
      for number in $(seq 5); do
        echo "line $number" >> log
        timeout 20 sh -c "until grep -q 'line $number' $HOST/seen; do sleep 0.05; done"
      done
      cmp log $HOST/seen
      """)
  }

  @Test func inotifywaitSeesWhatChanges() throws {
    let output = try inMount(
      """
      mkdir watched && : > watched/ready
      inotifywait -qm --format '%e %f' watched > $HOST/seen & watcher=$!
      trap 'kill $watcher' EXIT
      seen() { timeout 20 sh -c "until grep -qxF '$1' $HOST/seen; do touch watched/ready; sleep 0.05; done"; }
      seen 'ATTRIB ready'
      echo text > watched/file && seen 'CREATE file' && seen 'MODIFY file' && seen 'CLOSE_WRITE,CLOSE file'
      mv watched/file watched/name && seen 'MOVED_FROM file' && seen 'MOVED_TO name'
      chmod 600 watched/name && seen 'ATTRIB name'
      mkdir watched/directory && seen 'CREATE,ISDIR directory'
      rm watched/name && seen 'DELETE name' && echo done
      """)
    #expect(output == "done\n")
  }
}
