import FoundationEssentials
public import Searchers

/// How a trial's parameters reach its program: words of the command, variables, and a JSON file.
///
/// The macros are those of Weights & Biases' sweeps, and `${parameter:NAME}` for one value.
public struct TrialCommand: Hashable, Sendable {
  /// Where the file with the parameters lies in the trial's container.
  public static let parametersPath = "/run/cairn/parameters.json"
  /// The prefix of the variables that have a parameter each.
  public static let variablePrefix = "CAIRN_PARAM_"

  public let command: [String]
  /// The parameters as JSON, nested as in the experiment's file.
  public let json: String
  /// By name.
  public let environment: [String: String]

  public init(_ sweep: Sweep, _ parameters: [Parameter], environment given: [String: String]) {
    json = Self.json(parameters)
    var variables: [String: String] = [:]
    for parameter in parameters {
      variables[Self.variablePrefix + Self.variableName(parameter.name)] = Self.text(parameter.value)
    }
    environment = variables.merging(["CAIRN_PARAMETERS": Self.parametersPath]) { $1 }
    let macros = Macros(
      program: sweep.program ?? "", parameters: parameters, json: json, environment: given)
    command = sweep.command.flatMap(macros.expand)
  }

  /// A value as a program's argument, as Python prints it.
  public static func text(_ value: ParameterValue) -> String {
    switch value {
    case .null: "None"
    case .bool(let value): value ? "True" : "False"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .text(let value): value
    case .list, .table: encoded(value)
    }
  }

  /// What is no letter, digit or `_` becomes `_`.
  static func variableName(_ name: String) -> String {
    String(decoding: name.utf8.map { isWord($0) ? $0 : 0x5F }, as: UTF8.self)
  }

  /// - Throws: ``ExperimentFileError`` for macros that are not known.
  static func check(_ command: [String], program: String?, line: Int?) throws {
    for word in command {
      for macro in Macros.names(in: word) where !Macros.isKnown(macro) {
        throw ExperimentFileError(
          line: line, key: "command",
          "has the macro ${\(macro)}, which is not known; there are \(Macros.known.joined(separator: ", ")), envvar:NAME "
            + "and parameter:NAME")
      }
      if program == nil, Macros.names(in: word).contains("program") {
        throw ExperimentFileError(line: line, key: "command", "uses ${program}, and there is no `program`")
      }
    }
  }

  private static func json(_ parameters: [Parameter]) -> String {
    var table: [String: ParameterValue] = [:]
    for parameter in parameters {
      insert(parameter.value, at: parameter.name.split(separator: ".", omittingEmptySubsequences: false)[...], &table)
    }
    return encoded(.table(table))
  }

  private static func insert(
    _ value: ParameterValue, at path: ArraySlice<Substring>, _ table: inout [String: ParameterValue]
  ) {
    guard let first = path.first.map(String.init) else { return }
    if path.count == 1 {
      table[first] = value
      return
    }
    var inner: [String: ParameterValue] = [:]
    if case .table(let present)? = table[first] { inner = present }
    insert(value, at: path.dropFirst(), &inner)
    table[first] = .table(inner)
  }

  fileprivate static func encoded(_ value: ParameterValue) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Infinity, which JSON has not.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
  }
}

/// What `${…}` stands for in a command.
private struct Macros {
  static let known = [
    "env", "interpreter", "program", "args", "args_no_hyphens", "args_no_boolean_flags", "args_json", "args_json_file",
  ]

  let program: String
  let parameters: [Parameter]
  let json: String
  let environment: [String: String]

  static func isKnown(_ name: String) -> Bool {
    known.contains(name) || name.hasPrefix("envvar:") || name.hasPrefix("parameter:")
  }

  /// The words that one word of the command becomes.
  func expand(_ word: String) -> [String] {
    switch word {
    case "${args}": return parameters.map { "--\($0.name)=\(TrialCommand.text($0.value))" }
    case "${args_no_hyphens}": return parameters.map { "\($0.name)=\(TrialCommand.text($0.value))" }
    case "${args_no_boolean_flags}":
      return parameters.compactMap { parameter in
        guard case .bool(let isSet) = parameter.value else {
          return "--\(parameter.name)=\(TrialCommand.text(parameter.value))"
        }
        return isSet ? "--\(parameter.name)" : nil
      }
    default:
      return [Self.replacing(in: word) { value(of: $0) }]
    }
  }

  private func value(of macro: String) -> String {
    switch macro {
    case "env": return "/usr/bin/env"
    case "interpreter": return "python3"
    case "program": return program
    case "args_json": return json
    case "args_json_file": return TrialCommand.parametersPath
    case "args", "args_no_hyphens", "args_no_boolean_flags":
      return expand("${\(macro)}").joined(separator: " ")
    default:
      if macro.hasPrefix("envvar:") { return environment[String(macro.dropFirst(7))] ?? "" }
      let name = macro.dropFirst("parameter:".count)
      return parameters.first { $0.name == name }.map { TrialCommand.text($0.value) } ?? ""
    }
  }

  static func names(in word: String) -> [String] {
    var names: [String] = []
    _ = replacing(in: word) { name in
      names.append(name)
      return ""
    }
    return names
  }

  /// The text with each `${name}` replaced; what is put in its place is not looked at again.
  private static func replacing(in word: String, _ replacement: (String) -> String) -> String {
    var result = ""
    var rest = word[...]
    while let begin = rest.firstRange(of: "${"), let end = rest[begin.upperBound...].firstIndex(of: "}") {
      result += rest[..<begin.lowerBound]
      result += replacement(String(rest[begin.upperBound..<end]))
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }
}
