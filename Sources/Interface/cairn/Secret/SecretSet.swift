import API
import ArgumentParser
import FoundationEssentials
import Glibc

struct SecretSet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Keep a secret, in the place of an earlier one of this name.",
    discussion: """
      The value is read from standard input, or from a file; never from the command line, which others on this host \
      can see. One line feed at its end is left out where it is a single line.
      """)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "Its name.")
  var name: String

  @Option(name: .shortAndLong, help: "Only jobs of this project may have it; by default all may.")
  var project: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("Read the value from here.", valueName: "path"))
  var file: String?

  func run() async throws {
    var value = try read()
    // `echo` and editors end a line; a key or certificate keeps its own form.
    if value.last == 10, !value.dropLast().contains(10) { value.removeLast() }
    let secret = try await connection.client.set(secret: name, NewSecret(project: project, value: Data(value)))
    if output.json { try Terminal.print(json: secret) } else { Terminal.print(secret.name) }
  }

  private func read() throws -> [UInt8] {
    if let file { return Array(try Data(contentsOf: URL(filePath: file))) }
    if isatty(0) == 1 {
      var settings = termios()
      tcgetattr(0, &settings)
      var quiet = settings
      quiet.c_lflag &= ~tcflag_t(ECHO)
      tcsetattr(0, TCSAFLUSH, &quiet)
      defer {
        tcsetattr(0, TCSAFLUSH, &settings)
        Terminal.complain("")
      }
      Terminal.write("Value of \(name): ", to: 2)
      return Array((readLine(strippingNewline: true) ?? "").utf8)
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(0, &buffer, buffer.count)
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
      // More than this is refused anyway.
      if bytes.count > 1 << 20 { return bytes }
    }
  }
}
