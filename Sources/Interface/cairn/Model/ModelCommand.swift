import ArgumentParser

struct ModelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Register models, see what they are, fetch them.",
    discussion: """
      A version is named NAME:VERSION, where VERSION is its number, an alias, a stage, or `latest`.
      """,
    subcommands: [
      ModelList.self, ModelRegister.self, ModelShow.self, ModelGet.self, ModelTag.self, ModelAlias.self,
      ModelStage.self, ModelDescribe.self, ModelRemove.self,
    ])
}

/// The options of every command about a model that is there.
struct ModelOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "The project, where several have a model of this name.")
  var project: String?
}

/// A model, or a version of one, as it is written on the command line: `digits`, `digits:3`, `digits@champion`.
struct ModelReference: ExpressibleByArgument, Equatable {
  var name: String
  /// nil: the model as a whole.
  var version: String?

  init?(argument: String) {
    let end = argument.firstIndex { $0 == ":" || $0 == "@" } ?? argument.endIndex
    name = String(argument[..<end])
    if end < argument.endIndex { version = String(argument[argument.index(after: end)...]) }
    if name.isEmpty || version?.isEmpty ?? false { return nil }
  }

  /// - Throws: `ValidationError` where the command is about one version, and none is named.
  func needingVersion() throws -> String {
    guard let version else {
      throw ValidationError("Say which version: \(name):3, \(name):latest, or one of its aliases.")
    }
    return version
  }
}
