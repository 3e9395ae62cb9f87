import API
import ArgumentParser
import Glibc

/// The options of every command that speaks to `cairnd`.
struct ConnectionOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The socket of cairnd.", valueName: "path"))
  var socket: String?

  /// By option, environment, default.
  var socketPath: String {
    if let socket { return socket }
    if let value = getenv("CAIRN_SOCKET"), value.pointee != 0 { return String(cString: value) }
    return "/run/cairn/cairn.sock"
  }

  var client: CairnClient { CairnClient(socket: socketPath) }
}

/// The option of every command that prints.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON.")
  var json = false
}
