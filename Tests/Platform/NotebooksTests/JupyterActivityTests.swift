import TestSupport
import Testing

@testable import Notebooks

@Suite struct JupyterActivityTests {
  @Test func kernelsAndTerminalsAreRead() throws {
    var activity = JupyterActivity()
    try activity.add(
      parsing: Array(
        """
        [{"id": "a", "name": "python3", "last_activity": "1970-01-01T00:00:02.5Z", "execution_state": "idle"},
         {"id": "b", "name": "python3", "last_activity": "1970-01-01T00:00:01Z", "execution_state": "busy"}]
        """.utf8))
    #expect(activity == JupyterActivity(isBusy: true, lastActivity: 2_500_000_000))
    try activity.add(parsing: Array(#"[{"name": "1", "last_activity": "1970-01-01T00:00:03.000000Z"}]"#.utf8))
    #expect(activity.lastActivity == 3_000_000_000)
  }

  @Test(arguments: ["", "{}", "null", #"{"message": "Forbidden"}"#, "[", "<html>"])
  func whatIsNoListIsRefused(_ text: String) {
    var activity = JupyterActivity()
    #expect(throws: (any Error).self) { try activity.add(parsing: Array(text.utf8)) }
  }

  @Test(arguments: [
    "[]", "[1, null, \"x\", []]", #"[{"execution_state": 7, "last_activity": []}]"#,
    #"[{"last_activity": "tomorrow", "execution_state": "BUSY"}]"#, #"[{"last_activity": "9999-99-99T99:99:99Z"}]"#,
  ])
  func entriesOfAnotherFormSayNothing(_ text: String) throws {
    var activity = JupyterActivity()
    try activity.add(parsing: Array(text.utf8))
    #expect(activity == JupyterActivity())
  }

  @Test(arguments: testSeeds()) func anyBytesAreRefusedOrRead(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let words = [
      "[", "]", "{", "}", ",", ":", "\"last_activity\"", "\"1970-01-01T00:00:01Z\"", "\"busy\"", "1e999", "\0",
    ]
    for _ in 0..<2000 {
      let text = (0..<Int.random(in: 0..<30, using: &generator)).map { _ in words.randomElement(using: &generator)! }
      var activity = JupyterActivity()
      try? activity.add(parsing: Array(text.joined().utf8))
    }
  }
}
