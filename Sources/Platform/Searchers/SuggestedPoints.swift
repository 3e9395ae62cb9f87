extension Distribution {
  /// The values to choose from; nil: it is about numbers.
  public var choices: [ParameterValue]? { if case .categorical(let values, _) = shape { values } else { nil } }
}

extension SearchSpace {
  /// The values at a point that somebody outside proposes: for each dimension that is not constant a number from 0 to 1,
  /// or the place of one of its ``Distribution/choices``. What lies outside is moved to the end.
  public func parameters(fromSuggested point: [Double]) -> [Parameter] {
    var coordinates = point.makeIterator()
    return dimensions.map { dimension in
      let distribution = dimension.distribution
      if distribution.isConstant { return Parameter(dimension.name, distribution.value(at: 0)) }
      let coordinate = coordinates.next() ?? 0
      if let choices = distribution.choices {
        let place = coordinate >= 0 ? Int(min(coordinate, Double(choices.count - 1))) : 0
        return Parameter(dimension.name, choices[place])
      }
      // NaN fails the comparison.
      let unit = coordinate >= 0 ? min(coordinate, 1 - 0x1p-53) : 0
      return Parameter(dimension.name, distribution.value(at: unit))
    }
  }
}
