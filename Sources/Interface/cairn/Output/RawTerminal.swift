import API
import CLinux
import Glibc
import JobStates

/// The terminal that this program runs in, as a program elsewhere needs it: each key is passed on as it is pressed, and
/// shown by that program, if at all.
///
/// Whoever ends this program by SIGKILL leaves the terminal so; `reset` mends it.
final class RawTerminal: Sendable {
  /// As it was before; nil: standard input is no terminal, and there is nothing to do.
  private let before: termios?

  init() {
    var settings = termios()
    guard isatty(0) == 1, tcgetattr(0, &settings) == 0 else {
      before = nil
      return
    }
    before = settings
    cfmakeraw(&settings)
    tcsetattr(0, TCSADRAIN, &settings)
  }

  /// To be called before this program ends, however it does.
  func restore() {
    guard var before else { return }
    tcsetattr(0, TCSADRAIN, &before)
  }

  /// How large it is; where there is none, as large as terminals once were.
  static var size: TerminalSize {
    for descriptor in [0, 1, 2] as [Int32] {
      var (rows, columns) = (UInt16(0), UInt16(0))
      if cairn_terminal_size(descriptor, &rows, &columns) == 0, rows > 0, columns > 0 {
        return TerminalSize(rows: rows, columns: columns)
      }
    }
    return TerminalSize(rows: 24, columns: 80)
  }
}
