import Foundation
import Testing
import Workspace

@Suite struct IgnoreRulesTests {
  private func ignored(_ rules: String, _ path: String, directory: Bool = false) -> Bool {
    IgnoreRules().adding(Array(rules.utf8), in: []).ignores(Array(path.utf8), isDirectory: directory)
  }

  @Test(arguments: [
    ("*.pyc", "a.pyc", true), ("*.pyc", "deep/er/a.pyc", true), ("*.pyc", "a.py", false),
    ("/build", "build", true), ("/build", "src/build", false), ("build", "src/build", true),
    ("a/b", "a/b", true), ("a/b", "x/a/b", false), ("**/b", "b", true), ("**/b", "x/y/b", true),
    ("a/**", "a/b/c", true), ("a/**", "a", false), ("a/**/b", "a/b", true), ("a/**/b", "a/x/y/b", true),
    ("a/**/b", "a/xb", false), ("a/*", "a/b", true), ("a/*/c", "a/b/c", true), ("a/*/c", "a/b/d/c", false),
    ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false), ("[^a-c]x", "dx", true), ("[]a]", "]", true),
    ("[[:digit:]]", "7", true), ("[[:digit:]]", "x", false), ("[", "[", false), ("a?c", "abc", true),
    ("a?c", "a/c", false), ("\\#x", "#x", true), ("\\!x", "!x", true), ("x\\*", "x*", true), ("x\\*", "xy", false),
    ("# comment", "# comment", false), ("trail  ", "trail", true), ("trail\\ ", "trail ", true),
    ("crlf\r", "crlf", true), ("*\n!keep", "keep", false), ("*\n!keep", "other", true),
  ])
  func patternsMeanWhatGitignoreSays(rules: String, path: String, expected: Bool) {
    #expect(ignored(rules, path) == expected)
  }

  @Test func aSlashAtTheEndMeansDirectoriesOnly() {
    #expect(ignored("out/", "out", directory: true))
    #expect(!ignored("out/", "out"))
  }

  @Test func aDeeperFileHasTheLastWord() {
    let rules = IgnoreRules().adding(Array("*.log".utf8), in: []).adding(Array("!keep.log".utf8), in: Array("d".utf8))
    #expect(rules.ignores(Array("keep.log".utf8), isDirectory: false))
    #expect(!rules.ignores(Array("d/keep.log".utf8), isDirectory: false))
    #expect(rules.ignores(Array("d/other.log".utf8), isDirectory: false))
  }

  @Test func namesNeedNotBeUTF8() {
    let rules = IgnoreRules().adding([0x2A, 0xFF], in: [])
    #expect(rules.ignores([0x61, 0xFE, 0xFF], isDirectory: false))
    #expect(!rules.ignores([0x61, 0xFF, 0xFE], isDirectory: false))
  }

  @Test func aPatternOfManyStarsCannotStall() {
    let pattern = String(repeating: "*a", count: 50) + "b"
    let elapsed = ContinuousClock().measure {
      #expect(!ignored(pattern, String(repeating: "a", count: 4000)))
    }
    #expect(elapsed < .seconds(10))
  }

  /// Random rules on random trees, against `git check-ignore` itself. Lines such as `x**/y` are left
  /// out: gitignore(5) says that asterisks which are no whole component are plain ones, but git 2.39
  /// takes them for directories where only letters stand before them.
  @Test(arguments: 0..<60) func agreesWithGitOnRandomTrees(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let top = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: top) }
    try run("git", ["init", "-q", top])
    let pieces = ["a", "b", "ab", "a.c", "b.c", "x"]
    var directories = [""]
    var paths: [(path: String, isDirectory: Bool)] = []
    for _ in 0..<25 {
      let parent = directories.randomElement(using: &random)!
      let path = (parent.isEmpty ? "" : parent + "/") + pieces.randomElement(using: &random)!
      if paths.contains(where: { $0.path == path }) { continue }
      let isDirectory = Bool.random(using: &random)
      if isDirectory {
        try FileManager.default.createDirectory(atPath: top + "/" + path, withIntermediateDirectories: false)
        directories.append(path)
      } else {
        try Data().write(to: URL(fileURLWithPath: top + "/" + path))
      }
      paths.append((path, isDirectory))
    }
    let tokens = ["a", "b", "ab", ".c", "x", "*", "**", "/", "/", "?", "[ab]", "[!a]", "\\a", "*.c", "**/", "/**"]
    var rules: [String: String] = [:]
    for directory in directories where directory.isEmpty || Int.random(in: 0..<3, using: &random) == 0 {
      let lines = (0..<Int.random(in: 1...5, using: &random)).compactMap { _ in
        let line =
          (Int.random(in: 0..<3, using: &random) == 0 ? "!" : "")
          + (0..<Int.random(in: 1...4, using: &random)).map { _ in tokens.randomElement(using: &random)! }.joined()
        let components = line.drop { $0 == "!" }.split(separator: "/")
        return components.contains { $0.contains("**") && $0.contains { $0 != "*" } } ? nil : line
      }
      rules[directory] = lines.joined(separator: "\n") + "\n"
      try Data(rules[directory]!.utf8).write(
        to: URL(fileURLWithPath: top + "/" + (directory.isEmpty ? "" : directory + "/") + ".gitignore"))
    }
    let output = try run("git", ["-C", top, "check-ignore", "--"] + paths.map(\.path), allowed: [0, 1])
    let byGit = Set(output.split(separator: "\n").map(String.init))
    var byUs: Set<String> = []
    func visit(_ directory: String, _ inherited: IgnoreRules, hidden: Bool) {
      let own = rules[directory].map { inherited.adding(Array($0.utf8), in: Array(directory.utf8)) } ?? inherited
      let prefix = directory.isEmpty ? "" : directory + "/"
      for (path, isDirectory) in paths where path.hasPrefix(prefix) && !path.dropFirst(prefix.count).contains("/") {
        let isIgnored = hidden || own.ignores(Array(path.utf8), isDirectory: isDirectory)
        if isIgnored { byUs.insert(path) }
        if isDirectory { visit(path, own, hidden: isIgnored) }
      }
    }
    visit("", IgnoreRules(), hidden: false)
    #expect(byUs == byGit, "rules \(rules)")
  }
}
