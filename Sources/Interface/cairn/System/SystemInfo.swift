import API
import ArgumentParser
import StorageAPI

struct SystemInfo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "info", abstract: "Show what runs, and where.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let information = try await connection.client.information()
    if output.json { return try Terminal.print(json: information) }
    let storage = information.storage
    Terminal.print(
      listing([
        ("version", information.version), ("cairnd", "process \(information.pid)"),
        ("up for", describe(nanoseconds: Int64(information.uptimeSeconds) * 1_000_000_000)),
        ("socket", information.socket), ("TCP", information.listen ?? "none"),
        ("records", information.directory),
        ("podman", information.podmanVersion ?? "missing"),
        ("OCI runtime", information.containerRuntime ?? "none works"),
        ("cgroups", information.cgroupMode),
        ("cairnfsd", storage.map { "process \($0.pid)" } ?? "can't be reached"), ("mount", storage?.mount),
        ("persistent volume", storage?.persistentMount), ("store", storage?.storageDirectory),
      ]))
  }
}
