import ArgumentParser

struct NotebookCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "notebook", abstract: "Work in JupyterLab; its files and packages outlive its stops.",
    discussion: "A notebook is named by its identifier, by the beginning of it, or by its name.",
    subcommands: [
      NotebookStart.self, NotebookList.self, NotebookShow.self, NotebookOpen.self, NotebookStop.self,
      NotebookResume.self, NotebookFork.self, NotebookRemove.self, NotebookLogs.self,
    ])
}
