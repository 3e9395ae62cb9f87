import ArgumentParser

struct JobCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "job", abstract: "See and handle jobs.",
    subcommands: [
      JobList.self, JobShow.self, JobLogs.self, JobStop.self, JobRemove.self, JobWait.self, JobEvents.self,
      JobTensorBoard.self,
      JobExec.self, JobRerun.self, JobCompare.self, JobUsageCommand.self,
    ])
}
