/// The hyperparameters of a sweep and what values each may have.
public struct SearchSpace: Hashable, Codable, Sendable {
  public struct Dimension: Hashable, Codable, Sendable {
    /// With dots where it is nested, see ``Parameter``.
    public var name: String
    public var distribution: Distribution

    public init(_ name: String, _ distribution: Distribution) {
      self.name = name
      self.distribution = distribution
    }
  }

  /// In the order in which the trials' commands get them.
  public var dimensions: [Dimension]

  public init(_ dimensions: [Dimension]) { self.dimensions = dimensions }

  /// One independent number for each dimension.
  func sample(using random: inout SeededRandom) -> [Parameter] {
    dimensions.map { Parameter($0.name, $0.distribution.value(at: random.unit())) }
  }

  /// The values at a point of the unit cube, which has a coordinate for each dimension that is not constant.
  func parameters(at point: [Double]) -> [Parameter] {
    var coordinates = point.makeIterator()
    return dimensions.map { dimension in
      let unit = dimension.distribution.isConstant ? 0 : coordinates.next() ?? 0
      return Parameter(dimension.name, dimension.distribution.value(at: unit))
    }
  }

  /// Dimensions that are not constant.
  public var freedom: Int { dimensions.count { !$0.distribution.isConstant } }

  /// The first dimension that has too many values for a grid; nil: there is none.
  public var firstWithoutGrid: Dimension? { dimensions.first { $0.distribution.gridValues == nil } }

  /// How many points its grid has; nil: there is no grid, or there are more than a sweep can have.
  public var gridCount: Int? {
    var count = 1
    for dimension in dimensions {
      guard let values = dimension.distribution.gridValues?.count else { return nil }
      let (product, overflows) = count.multipliedReportingOverflow(by: values)
      guard !overflows, product <= SearchSpecification.mostTrials else { return nil }
      count = product
    }
    return count
  }

  /// A point of the grid by its number from 0; the last dimension changes fastest.
  func gridPoint(_ number: Int) -> [Parameter] {
    var rest = number
    var parameters: [Parameter] = []
    for dimension in dimensions.reversed() {
      let values = dimension.distribution.gridValues ?? [.null]
      parameters.append(Parameter(dimension.name, values[rest % values.count]))
      rest /= values.count
    }
    return parameters.reversed()
  }

  /// Parameters near others: each drawn anew with a probability of a quarter, else moved a little.
  func explored(_ parameters: [Parameter], using random: inout SeededRandom) -> [Parameter] {
    zip(dimensions, parameters).map { dimension, parameter in
      if dimension.distribution.isConstant { return parameter }
      let value =
        random.unit() < 0.25
        ? dimension.distribution.value(at: random.unit())
        : dimension.distribution.neighbor(of: parameter.value, using: &random)
      return Parameter(parameter.name, value)
    }
  }
}
