import API
import ArgumentParser

struct SecretList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List secrets, without their values.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Option(name: .shortAndLong, help: "Only those that jobs of this project may have.")
  var project: String?

  func run() async throws {
    let secrets = try await connection.client.secrets(project: project)
    if output.json { return try Terminal.print(json: API.SecretList(secrets: secrets)) }
    var table = Table(("NAME", .left), ("PROJECT", .left), ("CREATED", .left), ("CHANGED", .left))
    for secret in secrets {
      table.add(
        secret.name, secret.project ?? "all", describe(time: secret.createdNanoseconds),
        describe(time: secret.updatedNanoseconds))
    }
    Terminal.print(table.text)
  }
}
