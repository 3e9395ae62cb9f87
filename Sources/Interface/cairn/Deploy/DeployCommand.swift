import ArgumentParser

struct DeployCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deploy", abstract: "Serve models over HTTP.",
    subcommands: [
      DeployCreate.self, DeployList.self, DeployShow.self, DeployScale.self, DeployUpdate.self, DeployRollback.self,
      DeployLogs.self, DeployRemove.self,
    ])
}
