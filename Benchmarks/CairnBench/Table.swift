/// Prints the medians, by workload and place: the first place's as they are, the others' relative to it.
func printTable(_ work: [Workload], _ places: [Place], _ medians: [[Double?]]) {
  print("| | " + places.map(\.name).joined(separator: " | ") + " | goal |")
  print("|---|" + places.map { _ in "--:|" }.joined() + "--:|")
  for (workload, rates) in zip(work, medians) {
    var cells = [rates[0].map(workload.unit.show) ?? "–"]
    for rate in rates.dropFirst() { cells.append(cell(workload, rate, below: rates[0])) }
    let goal =
      switch workload.goal {
      case .rate(let least): "≥ " + decimal(least, 2)
      case .milliseconds(let most): "< \(decimal(most, 0)) ms"
      case nil: ""
      }
    print("| \(workload.name) | \(cells.joined(separator: " | ")) | \(goal) |")
  }
}

private func cell(_ workload: Workload, _ rate: Double?, below: Double?) -> String {
  guard let rate else { return "–" }
  // A time in milliseconds is the goal, so that is what is shown.
  if case .milliseconds = workload.goal { return workload.unit.show(rate) }
  guard let below else { return workload.unit.show(rate) }
  return decimal(rate / below, 2)
}

/// nil where there are none.
func median(_ values: [Double]) -> Double? {
  guard !values.isEmpty else { return nil }
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// `value` with so many decimals and commas between the thousands.
func decimal(_ value: Double, _ decimals: Int) -> String {
  let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
  let rounded = Int((value * Double(scale)).rounded())
  var digits = String(rounded / scale)
  var position = digits.count - 3
  while position > 0 {
    digits.insert(",", at: digits.index(digits.startIndex, offsetBy: position))
    position -= 3
  }
  guard decimals > 0 else { return digits }
  let fraction = String(rounded % scale)
  return digits + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
}
