import API
import ArgumentParser

struct ProjectList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List projects.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let projects = try await connection.client.projects()
    if output.json { return try Terminal.print(json: API.ProjectList(projects: projects)) }
    var table = Table(("NAME", .left), ("JOBS", .right), ("UNFINISHED", .right), ("CREATED", .left))
    for project in projects {
      table.add(
        project.name, "\(project.jobs)", "\(project.unfinishedJobs)", describe(time: project.createdNanoseconds))
    }
    Terminal.print(table.text)
  }
}
