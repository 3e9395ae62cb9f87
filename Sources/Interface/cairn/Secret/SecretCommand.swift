import ArgumentParser

struct SecretCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secret", abstract: "Keep values that jobs need and nobody else is to see.",
    subcommands: [SecretSet.self, SecretList.self, SecretRemove.self])
}
