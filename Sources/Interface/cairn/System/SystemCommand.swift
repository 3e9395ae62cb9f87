import ArgumentParser

struct SystemCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "system", abstract: "Start Cairn, and see how it is.",
    subcommands: [SystemUp.self, SystemInfo.self, SystemDoctor.self])
}
