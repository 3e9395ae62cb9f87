import ArgumentParser

struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Make and revoke the tokens that open Cairn's TCP address.",
    subcommands: [TokenCreate.self, TokenList.self, TokenRevoke.self])
}
