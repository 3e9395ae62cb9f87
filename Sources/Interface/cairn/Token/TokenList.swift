import API
import ArgumentParser

struct TokenList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List tokens, without their secrets.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let tokens = try await connection.client.tokens()
    if output.json { return try Terminal.print(json: API.TokenList(tokens: tokens)) }
    var table = Table(("ID", .left), ("NAME", .left), ("PROJECT", .left), ("CREATED", .left), ("EXPIRES", .left))
    for token in tokens {
      table.add(
        token.id, token.name ?? "-", token.project ?? "all", describe(time: token.createdNanoseconds),
        token.expiresNanoseconds.map { describe(time: $0) } ?? "never")
    }
    Terminal.print(table.text)
  }
}
