import Foundation
import Testing

extension CairnInstance {
  /// A Cairn that has found out, as it believes, that this host can make no bridges.
  static func withHostNetwork(_ body: (CairnInstance) throws -> Void) throws {
    try CairnInstance.with { cairn in
      try cairn.stop()
      let report = cairn.directory + "/control/host-report.json"
      let found = try String(contentsOfFile: report, encoding: .utf8)
      let changed = found.replacing(#""network":"bridge""#, with: #""network":"host""#)
      #expect(changed != found, "\(found)")
      try changed.write(toFile: report, atomically: true, encoding: .utf8)
      try cairn.start()
      try body(cairn)
    }
  }
}
