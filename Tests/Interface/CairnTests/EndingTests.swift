import API
import ArgumentParser
import JobStates
import Linux
import Testing
import UnixHTTP
import Wire

@testable import cairn

/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the daemon can't be reached.
@Suite struct EndingTests {
  /// How parsing ends; nil where the command would run.
  private func ending(_ arguments: [String]) -> Ending? {
    do {
      var command = try Cairn.parseAsRoot(arguments)
      if !(command is any AsyncParsableCommand) || command is Cairn || arguments.contains("--help") {
        try command.run()
      }
      return nil
    } catch {
      return Ending(error)
    }
  }

  @Test(arguments: [
    "run", "run --", "run --gpus -1 -- true", "run --gpus x -- true", "run --memory 8x -- true",
    "run --memory 0 -- true", "run --timeout 0 -- true", "run --timeout soon -- true", "run --cpus 0 -- true",
    "run --cpus nan -- true", "run --retries -1 -- true", "run --env =x -- true", "run --no-such-option -- true",
    "run --detach --gpus", "run python train.py", "run --name x python train.py", "run --detach python -- train.py",
    "no-such-noun", "job no-such-verb", "job show", "job show a b", "job stop", "job rm", "job wait", "job logs",
    "job logs --tail -1 a", "job logs --attempt 0 a", "job ls --limit 0", "job ls --state asleep", "job events",
    "job ls extra", "project create", "project show", "project rm", "artifact ls", "artifact get", "artifact rm",
    "volume create", "volume show", "volume snapshot", "volume clone a", "volume quota a", "volume rm",
    "volume create --kind cloud a", "volume quota a --quota much", "storage usage extra", "gpu ls extra",
    "system up extra", "system info --jsonn", "job rerun", "job exec a", "experiment lst", "experiment run",
    "deploy show",
    "notebook lst", "notebook stop", "notebook start --idle-timeout soon", "secret set", "secret rm", "token revoke",
    "token create --expires soon", "model register", "model register a",
    "model show", "model show :", "model rm a", "model rm --all a:1", "model get", "model alias a:1", "model stage a:1",
    "model describe a",
  ])
  func wrongUsageEndsWith2(line: String) throws {
    let end = ending(line.split(separator: " ").map(String.init))
    #expect(end?.code == 2)
    #expect(end?.complaint?.isEmpty == false && end?.output == nil)
  }

  @Test(arguments: [
    "run -- true", "run --image host --gpus 1 --cpus 1.5 --memory 8g --timeout 2h --retries 2 --detach -- a -b --c",
    "run --env A=b --env PATH --workspace none -p p -n n -- sh -c true", "run --json -- true", "job ls",
    "job ls --state queued --state timed_out --limit 5", "job show a", "job logs -f a", "job logs --tail 0 a",
    "job stop a b --grace 5s --wait", "job rm a b --artifacts", "job wait a", "job events a", "project ls",
    "project create p", "project show p", "project rm p", "artifact ls a", "artifact ls a b -r", "artifact get a",
    "artifact get a b -", "artifact rm a", "volume ls --kind artifact", "volume create v --quota 10g --files 5",
    "volume show 1", "volume snapshot 1 s", "volume clone 1 c", "volume quota 1 --files 0", "volume rm 1 2",
    "storage usage", "storage stats --json", "gpu ls", "system up --config f", "system info", "system doctor",
    "--socket /s job ls", "model ls", "model register m ./x --tag a=b -p p", "model show a@b", "model get a",
    "model rm a:1",
    "model rm a --all", "model tag a b=c --remove d", "model alias a:1 b",
    "model stage a:1 Production --archive-others",
    "model describe a b", "deploy ls", "token ls", "run --mount-model a:1 --mount-model b -- true",
  ])
  func rightUsageIsTaken(line: String) {
    var words = line.split(separator: " ").map(String.init)
    // The option belongs to the command, not to the root.
    if words[0] == "--socket" { words = Array(words[2...]) + words[..<2] }
    #expect(ending(words) == nil, "\(ending(words)?.complaint ?? "")")
  }

  @Test func allBehindTheDashesIsTheCommand() throws {
    let parsed = try Cairn.parseAsRoot(["run", "--detach", "--", "cmd", "--detach", "--gpus", "2", "--", "-x", ""])
    let run = try #require(parsed as? RunCommand)
    #expect(run.command == ["cmd", "--detach", "--gpus", "2", "--", "-x", ""])
    #expect(run.gpus == 0 && run.detach)
  }

  @Test func variablesHaveTheirValuesAfterTheFirstEqualsSign() throws {
    let line = ["run", "--env", "A=b=c", "--env", "EMPTY=", "--env", "NOT_SET_ANYWHERE", "--env", "PATH", "--", "true"]
    let run = try #require(try Cairn.parseAsRoot(line) as? RunCommand)
    let environment = run.environment()
    #expect(environment["A"] == "b=c" && environment["EMPTY"] == "")
    #expect(environment["NOT_SET_ANYWHERE"] == nil && environment["PATH"] != nil)
  }

  @Test func helpAndVersionGoToStandardOutputAndEndWith0() throws {
    let nothing: [String] = []
    for line in [nothing, ["--help"], ["--version"], ["help", "run"], ["job", "--help"], ["run", "-h"]] {
      let end = try #require(ending(line))
      #expect(end.code == 0 && end.complaint == nil && end.output?.isEmpty == false, "\(line)")
    }
  }

  @Test func theDefaultImageIsInTheHelp() throws {
    let help = Cairn.helpMessage(for: RunCommand.self, columns: 200)
    #expect(help.contains("host"))
    #expect(help.contains("default: host"))
  }

  @Test func refusalsEndWith1AndAnUnreachableDaemonWith3() {
    #expect(Ending(APIError.notFound("There is no job x.")) == Ending(APIError.notFound("There is no job x.")))
    #expect(Ending(APIError.notFound("There is no job x.")).code == 1)
    #expect(Ending(APIError.notFound("There is no job x.")).complaint == "cairn: There is no job x.")
    #expect(Ending(SystemError("open", "/x", 2)).code == 1)
    #expect(Ending(ExitCode(77)).code == 77 && Ending(ExitCode(77)).complaint == nil)
  }

  @Test func noSocketEndsWith3AndSaysWhatToDo() async throws {
    let nobody = try Cairn.parseAsRoot(["job", "ls", "--socket", "/tmp/cairn-nobody-listens.sock"])
    var list = try #require(nobody as? any AsyncParsableCommand)
    do {
      try await list.run()
      Issue.record("it answered")
    } catch {
      let ending = Ending(error)
      #expect(ending.code == 3)
      #expect(ending.complaint?.contains("/tmp/cairn-nobody-listens.sock") == true)
      #expect(ending.complaint?.contains("cairn system up") == true)
    }
  }

  @Test func aJobsEndIsTheProgramsEnd() {
    func code(_ state: JobState, _ exitCode: Int32?) -> Int32 {
      programExitCode(
        for: Job(
          id: "a", name: "a", project: "p", image: "host", command: ["true"], state: state, reason: .exitCode,
          exitCode: exitCode, createdNanoseconds: 0))
    }
    #expect(code(.succeeded, 0) == 0)
    #expect(code(.failed, 7) == 7)
    #expect(code(.failed, nil) == 1)
    // A job that exits with 0 on SIGTERM did not succeed all the same.
    #expect(code(.stopped, 0) == 1)
    #expect(code(.timedOut, 143) == 143)
    #expect(code(.lost, nil) == 1)
  }
}
