import ArgumentParser

struct StorageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storage", abstract: "See what is stored, and take care of it.",
    subcommands: [StorageUsage.self, StorageCheck.self, StorageCollect.self, StorageStats.self])
}
