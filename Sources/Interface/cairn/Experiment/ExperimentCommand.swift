import ArgumentParser

struct ExperimentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "experiment", abstract: "Sweeps over hyperparameters, and groups of replicas that train together.",
    subcommands: [
      ExperimentRun.self, ExperimentList.self, ExperimentShow.self, ExperimentCompare.self, ExperimentStop.self,
      ExperimentRemove.self,
    ])
}
