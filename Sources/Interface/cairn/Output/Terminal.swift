import Glibc
import Wire

/// Standard output and standard error.
enum Terminal {
  /// Prints a line on standard output.
  static func print(_ text: String) { write(text + "\n", to: 1) }

  /// Prints a line on standard error.
  static func complain(_ text: String) { write(text + "\n", to: 2) }

  /// Prints a value as JSON on standard output.
  static func print(json value: some Encodable) throws {
    write(String(decoding: try WireJSON.encode(value), as: UTF8.self) + "\n", to: 1)
  }

  static func write(_ text: String, to descriptor: Int32) { write(Array(text.utf8), to: descriptor) }

  static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
      if count < 0 {
        if errno == EINTR { continue }
        // Nobody reads any more, or the disk below is full: there is nowhere left to say so.
        exit(1)
      }
      done += count
    }
  }

  static var showsProgress: Bool { isatty(2) == 1 }
}

/// A line on a terminal's standard error that is written over and over; nothing where it is no terminal.
struct ProgressLine: Sendable {
  private let isShown = Terminal.showsProgress

  func show(_ text: String) {
    if isShown { Terminal.write("\r\u{1B}[K\(text)", to: 2) }
  }

  /// Takes the line away.
  func end() {
    if isShown { Terminal.write("\r\u{1B}[K", to: 2) }
  }
}
