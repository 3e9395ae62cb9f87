import API
import ArgumentParser
import DeploymentStates
import Linux

struct DeployList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List deployments.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let deployments = try await connection.client.deployments()
    if output.json { return try Terminal.print(json: DeploymentList(deployments: deployments)) }
    var table = Table(
      ("NAME", .left), ("STATE", .left), ("READY", .right), ("REVISION", .right), ("MODEL", .left), ("IMAGE", .left),
      ("REQ/S", .right), ("AGE", .right), ("URL", .left))
    let now = nanosecondsNow()
    for deployment in deployments {
      table.add(
        deployment.name, deployment.state.rawValue, "\(deployment.readyReplicas)/\(deployment.replicas)",
        "\(deployment.revision)", deployment.model ?? "", deployment.image,
        "\((deployment.traffic.rate * 10).rounded() / 10)",
        describe(nanoseconds: now - deployment.createdNanoseconds), deployment.url ?? "")
    }
    Terminal.print(table.text)
  }
}
