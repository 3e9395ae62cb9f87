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
    for run in Set(runs).sorted() where left > 0 {
      let page = try await call.project.history(of: key, run: run, limit: left)
      parts.append((run, page.points))
      left -= page.points.count
    }
    return answer(key, parts)
  }

  /// MLflow's own way to thin curves out: see ``evenlySampled(_:most:)``.
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
      parts.append((run, evenlySampled(points.filter { range.contains($0.step) }, most: most)))
    }
    // This answer is a protocol buffer's JSON, which leaves out an empty list; that of the other endpoint is not.
    guard parts.contains(where: { !$0.points.isEmpty }) else { return .object { _ in } }
    return answer(key, parts)
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

/// At most `most` points of one run, in the order of their steps: the first of each of so many equal parts, and of the last
/// part the last point. MLflow's server 3.17 does the same; where parts can't be equal, the first ones are longer.
/// - Parameter most: 1 or more.
func evenlySampled(_ points: [MetricPoint], most: Int) -> [MetricPoint] {
  let ordered = points.sorted { ($0.step, $0.timestamp, $0.value) < ($1.step, $1.timestamp, $1.value) }
  guard ordered.count > most, let last = ordered.last else { return ordered }
  let (length, longer) = ordered.count.quotientAndRemainder(dividingBy: most)
  return (0..<most - 1).map { ordered[$0 * length + min($0, longer)] } + [last]
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
