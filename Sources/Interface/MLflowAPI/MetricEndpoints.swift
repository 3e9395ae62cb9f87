import FoundationEssentials
import HTTPService
import Tracker
import Wire

extension MLflowAPI {
  private static let mostRunsAtOnce = 100
  private static let mostPoints = 25_000

  func addMetricEndpoints(to endpoints: inout Endpoints) {
    endpoints.add("GET", path: "mlflow/metrics/get-history", history)
    endpoints.add("GET", path: "mlflow/metrics/get-history-bulk", bulkHistory)
    endpoints.add("GET", path: "mlflow/metrics/get-history-bulk-interval", sampledHistory)
    endpoints.add("GET", path: "cairn/metrics/view", view)
  }

  /// Not MLflow's: points to be drawn, no more than a screen has room for, however many there are.
  private func view(_ call: Call) async throws -> Reply {
    let key = try call.parameters.requiredText("metric_key")
    let first = try call.parameters.integer("start_step") ?? .min
    let last = try call.parameters.integer("end_step") ?? .max
    guard first <= last else { throw MLflowError.invalid("start_step lies behind end_step.") }
    let points = try await call.project.view(
      of: key, run: call.runIdentifier(), steps: first...last,
      most: call.parameters.count("max_results", in: 4...10_000, otherwise: 320))
    return .object { answer in
      answer.array("metrics") { list in
        for point in points { list.object { $0.metric(key, point) } }
      }
    }
  }

  private func history(_ call: Call) async throws -> Reply {
    let run = try call.runIdentifier()
    let key = try call.parameters.requiredText("metric_key")
    // Without a limit it is all of it, as old clients expect.
    let limit = try call.parameters.count("max_results", in: 1...Int.max, otherwise: .max)
    let after = try HistoryToken.point(call.parameters.text("page_token"))
    let page = try await call.project.history(of: key, run: run, after: after, limit: limit)
    return .object { answer in
      if !page.points.isEmpty {
        answer.array("metrics") { list in
          for point in page.points { list.object { $0.metric(key, point) } }
        }
      }
      if let next = page.next { answer.field("next_page_token", HistoryToken.text(next)) }
    }
  }

  private func bulkHistory(_ call: Call) async throws -> Reply {
    let runs = try runs(call, "run_id")
    let key = try call.parameters.requiredText("metric_key")
    var left = try call.parameters.count("max_results", in: 1...Self.mostPoints, otherwise: Self.mostPoints)
    var parts: [(run: String, points: [MetricPoint])] = []
    for run in runs.sorted() where left > 0 {
      let page = try await call.project.history(of: key, run: run, limit: left)
      parts.append((run, page.points))
      left -= page.points.count
    }
    return answer(key, parts)
  }

  /// MLflow's own way to thin curves out: see ``sampledSteps(of:most:)``.
  private func sampledHistory(_ call: Call) async throws -> Reply {
    let runs = try runs(call, "run_ids")
    let key = try call.parameters.requiredText("metric_key")
    let most = try call.parameters.count("max_results", in: 1...2500, otherwise: 2500)
    let start = try call.parameters.integer("start_step")
    let end = try call.parameters.integer("end_step")
    guard (start == nil) == (end == nil) else {
      throw MLflowError.invalid("If either start step or end step are specified, both must be specified.")
    }
    guard (start ?? 0) <= (end ?? .max) else {
      throw MLflowError.invalid("end_step must be greater than start_step.")
    }
    let range = (start ?? .min)...(end ?? .max)
    var parts: [(run: String, points: [MetricPoint])] = []
    for run in runs {
      let points = try await call.project.history(of: key, run: run).points
      parts.append((run, points.filter { range.contains($0.step) }))
    }
    let steps = sampledSteps(of: parts.map { $0.points.map(\.step) }, most: most)
    return answer(key, parts.map { part in (part.run, part.points.filter { steps.contains($0.step) }) })
  }

  private func runs(_ call: Call, _ name: String) throws -> [String] {
    let runs = try call.parameters.texts(name)
    guard !runs.isEmpty else {
      throw MLflowError.invalid("GetMetricHistoryBulk request must specify at least one \(name).")
    }
    guard runs.count <= Self.mostRunsAtOnce else {
      throw MLflowError.invalid(
        "GetMetricHistoryBulk request cannot specify more than \(Self.mostRunsAtOnce) \(name). Received \(runs.count).")
    }
    return runs
  }

  private func answer(_ key: String, _ parts: [(run: String, points: [MetricPoint])]) -> Reply {
    .object { answer in
      answer.array("metrics") { list in
        for (run, points) in parts {
          for point in points {
            list.object {
              $0.metric(key, point)
              $0.field("run_id", run)
            }
          }
        }
      }
    }
  }
}

/// Which steps of several runs' curves are shown: every so-many-th of all their steps, and of each run its last.
func sampledSteps(of runs: [[Int64]], most: Int) -> Set<Int64> {
  let all = Set(runs.joined()).sorted()
  guard all.count > most, let last = all.last else { return Set(all) }
  let interval = Double(all.count) / Double(most)
  var steps = Set((0..<most).map { all[min(Int(Double($0) * interval), all.count - 1)] })
  steps.insert(last)
  steps.formUnion(runs.compactMap { $0.max() })
  return steps
}

/// Where a page of a metric's history ends.
enum HistoryToken {
  static func text(_ point: MetricPoint) -> String {
    let values: [Int64] = [point.timestamp, point.step, Int64(bitPattern: point.value.bitPattern)]
    var writer = JSONWriter()
    writer.array { for value in values { $0.value(value) } }
    return Data(writer.bytes).base64EncodedString()
  }

  /// nil: the beginning.
  static func point(_ token: String) throws -> MetricPoint? {
    if token.isEmpty { return nil }
    guard let data = Data(base64Encoded: token), let json = try? JSONValue(parsing: [UInt8](data)),
      case .array(let values) = json, values.count == 3, case .integer(let timestamp) = values[0],
      case .integer(let step) = values[1], case .integer(let bits) = values[2]
    else {
      throw MLflowError.invalid("Invalid page token: hand back the one that came with the last page.")
    }
    return MetricPoint(step: step, timestamp: timestamp, value: Double(bitPattern: UInt64(bitPattern: bits)))
  }
}
