import ArgumentParser

struct ProjectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "project", abstract: "See and handle projects.",
    subcommands: [ProjectList.self, ProjectCreate.self, ProjectShow.self, ProjectQuotaCommand.self, ProjectRemove.self])
}
