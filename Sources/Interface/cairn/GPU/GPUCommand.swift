import ArgumentParser

struct GPUCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gpu", abstract: "See this host's GPUs.", subcommands: [GPUList.self])
}
