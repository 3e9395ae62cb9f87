import Searchers
import Testing

@testable import ExperimentFiles

struct TrialCommandTests {
  private static let parameters = [
    Parameter("lr", .number(1e-5)), Parameter("nesterov", .bool(true)), Parameter("verbose", .bool(false)),
    Parameter("optimizer.name", .text("sgd; rm -rf /")),
    Parameter("optimizer.layers", .list([.integer(1), .integer(2)])),
  ]

  private func expand(_ command: [String], environment: [String: String] = [:]) throws -> [String] {
    var sweep = try sweep("program: train.py\nsearcher: grid\nparameters: {a: 1}")
    sweep.command = command
    return TrialCommand(sweep, Self.parameters, environment: environment).command
  }

  @Test func `the macros are those of Weights & Biases`() throws {
    #expect(
      try expand(["${env}", "${interpreter}", "${program}", "${args}"]) == [
        "/usr/bin/env", "python3", "train.py", "--lr=1e-05", "--nesterov=True", "--verbose=False",
        "--optimizer.name=sgd; rm -rf /", "--optimizer.layers=[1,2]",
      ])
    #expect(
      try expand(["${args_no_boolean_flags}"]).prefix(3) == [
        "--lr=1e-05", "--nesterov", "--optimizer.name=sgd; rm -rf /",
      ])
    #expect(try expand(["${args_no_hyphens}"]).first == "lr=1e-05")
    let json = #"{"lr":1e-05,"nesterov":true,"optimizer":{"layers":[1,2],"name":"sgd; rm -rf /"},"verbose":false}"#
    #expect(try expand(["${args_json}"]) == [json])
    #expect(try expand(["--config=${args_json_file}"]) == ["--config=/run/cairn/parameters.json"])
    #expect(
      try expand(["${envvar:HOME}/x", "${parameter:lr}"], environment: ["HOME": "/root"]) == ["/root/x", "1e-05"])
  }

  @Test func `what a macro puts in is not read as a macro again`() throws {
    var sweep = try sweep("program: train.py\nsearcher: grid\nparameters: {a: 1}")
    sweep.command = ["${parameter:a}"]
    let command = TrialCommand(sweep, [Parameter("a", .text("${program}"))], environment: [:])
    #expect(command.command == ["${program}"])
  }

  @Test func `each parameter is a variable`() throws {
    let command = TrialCommand(
      try sweep("program: train.py\nsearcher: grid\nparameters: {a: 1}"), Self.parameters, environment: [:])
    #expect(command.environment["CAIRN_PARAM_optimizer_name"] == "sgd; rm -rf /")
    #expect(command.environment["CAIRN_PARAM_nesterov"] == "True")
    #expect(command.environment["CAIRN_PARAMETERS"] == "/run/cairn/parameters.json")
  }
}
