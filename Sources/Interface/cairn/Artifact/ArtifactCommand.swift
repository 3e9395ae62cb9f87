import ArgumentParser

struct ArtifactCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "artifact", abstract: "See and fetch what jobs wrote to /artifacts, also while they run.",
    subcommands: [ArtifactList.self, ArtifactGet.self, ArtifactRemove.self])
}
