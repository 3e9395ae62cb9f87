import API
import ArgumentParser

struct TokenRevoke: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "End tokens: from now on they open nothing.")

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "Their identifiers, as `cairn token ls` shows them.")
  var identifiers: [String]

  func run() async throws {
    for identifier in identifiers { try await connection.client.revoke(token: identifier) }
  }
}
