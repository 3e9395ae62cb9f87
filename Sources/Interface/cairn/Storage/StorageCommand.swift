import ArgumentParser

struct StorageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storage", abstract: "See what is stored.",
    subcommands: [StorageUsage.self, StorageStats.self])
}
