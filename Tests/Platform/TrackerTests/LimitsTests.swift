import Testing

@testable import Tracker

@Suite struct LimitsTests {
  @Test(arguments: ["loss", "val/loss", "a b", "a:b", "a.b-c_d", "größe", "損失", "...a", "v1"])
  func `names that MLflow takes are taken`(key: String) throws {
    try Limits.checkKey(key, "metric")
  }

  @Test(arguments: [
    "", ".", "..", "/a", "a/", "a//b", "a/./b", "a/../b",
    "a\n", "a\0", "a*b", "a\\b", "a,b", "😀", "../\u{345}", "a/../\u{345}b",
    String(repeating: "a", count: 251),
  ])
  func `names that could be taken for other files, or are too long, are refused`(key: String) {
    #expect(throws: TrackerError.self) { try Limits.checkKey(key, "metric") }
  }

  @Test func `a value that is too long keeps its beginning, by whole characters`() {
    #expect(Limits.truncated("abc", to: 3) == "abc")
    #expect(Limits.truncated("abcd", to: 3) == "abc")
    #expect(Limits.truncated("äöüß", to: 4) == "äöüß")
    #expect(Limits.truncated("äöüß", to: 3) == "äöü")
  }

  @Test func `an alias is no version and not the latest`() throws {
    for alias in ["champion", "v", "version1", "v1a", "1"] { try Limits.checkAlias(alias) }
    for alias in ["", "latest", "LATEST", "v1", "V22", "a b", "a/b", String(repeating: "a", count: 256)] {
      #expect(throws: TrackerError.self) { try Limits.checkAlias(alias) }
    }
  }

  @Test func `a model's name is a name and no path`() throws {
    try Limits.checkModelName("resnet 50")
    for name in ["", "a/b", "a:b", ".", ".."] { #expect(throws: TrackerError.self) { try Limits.checkModelName(name) } }
  }
}
