import API
import ExperimentStates
import JobStates
import Searchers

/// The trials of a sweep, the best first.
func trialTable(_ details: ExperimentDetails, most: Int = .max) -> String {
  let isMaximum = details.experiment.goal == .maximize
  let names = details.trials.first?.parameters.map(\.name) ?? []
  let sorted = details.trials.sorted { one, other in
    switch (one.best, other.best) {
    case (let one?, let other?) where one != other: isMaximum ? one > other : one < other
    case (.some, nil): true
    case (nil, .some): false
    default: one.number < other.number
    }
  }
  // What is the same in all of them says nothing.
  let differing = names.indices.filter { index in
    Set(details.trials.map { $0.parameters.indices.contains(index) ? $0.parameters[index].value : .null }).count > 1
  }
  var table = Table(
    ("TRIAL", .right), ("JOB", .left), ("STATE", .left), ((details.experiment.metric ?? "METRIC").uppercased(), .right),
    ("VALUES", .right), ("PARAMETERS", .left))
  for trial in sorted.prefix(most) {
    let parameters = differing.filter { trial.parameters.indices.contains($0) }.map { trial.parameters[$0] }
    table.add(
      "\(trial.number)", trial.job, outcome(of: trial), trial.best.map { shortText($0) } ?? "", "\(trial.values)",
      shortText(parameters) + (trial.origin.map { " from \($0)" } ?? ""))
  }
  return table.text + (sorted.count > most ? "\n… and \(sorted.count - most) more" : "")
}

/// The state of its job; of one that the searcher stopped, why.
func outcome(of trial: Trial) -> String {
  let state = trial.state?.rawValue ?? "waiting"
  guard let reason = trial.stopReason, trial.state != .succeeded else { return state }
  return "\(state) (\(reason.rawValue))"
}

func shortText(_ parameters: [Parameter]) -> String {
  parameters.map { "\($0.name)=\(shortText($0.value))" }.joined(separator: " ")
}

private func shortText(_ value: ParameterValue) -> String {
  switch value {
  case .null: "null"
  case .bool(let value): "\(value)"
  case .integer(let value): "\(value)"
  case .number(let value): shortText(value)
  case .text(let value): value
  case .list(let values): "[" + values.map { shortText($0) }.joined(separator: ",") + "]"
  case .table(let values):
    "{" + values.sorted { $0.key < $1.key }.map { "\($0.key):\(shortText($0.value))" }.joined(separator: ",") + "}"
  }
}

/// Six digits, which is what one compares by eye.
func shortText(_ number: Double) -> String {
  guard number.isFinite, number != 0 else { return "\(number)" }
  var scale = 1.0
  var size = abs(number)
  while size < 100_000, scale < 1e15 {
    size *= 10
    scale *= 10
  }
  return "\((number * scale).rounded() / scale)"
}
