import Glibc
import StorageAPI

/// What the command line says.
struct Options {
  static let usage = """
    usage: cairn-bench --below DIRECTORY [--peer NAME=DIRECTORY]… [--cairn DIRECTORY --socket PATH]
                       [--hook COMMAND] [--archive FILE.tar] [--without-tree NAME] [--only TEXT] [--rounds N]
                       [--best] [--quick]
      --below    a directory on the file system that holds everything else; rates are relative to it
      --peer     a directory on a file system to compare
      --cairn    a directory inside of Cairn's mount, and the socket of its storage daemon
      --hook     run as `COMMAND cold NAME` before each cold measurement on a peer or Cairn, so that the server's
                 own caches are cold too, and as `COMMAND settle NAME` to wait for a peer's work in the background
      --archive  a tar archive to unpack and remove
      --without-tree  a peer that can't take the archive
      --only     the workloads whose names have this text in them; most need what those before them made
      --rounds   how often each workload is run; the table has the medians (3)
      --best     the table has the best of the rounds: on a busy machine that says more
      --quick    smaller sizes, one round
    """

  /// The first is the one below.
  private(set) var places: [Place] = []
  private(set) var socket: String?
  private(set) var archive: String?
  private(set) var withoutTree: Set<String> = []
  private(set) var rounds = 3
  private(set) var only: String?
  private(set) var best = false
  private(set) var quick = false

  init(_ arguments: ArraySlice<String>) {
    var rest = arguments
    var below = ""
    var others: [(name: String, directory: String)] = []
    var hook: String?
    func value() -> String {
      guard let value = rest.popFirst() else { Self.refuse() }
      return value
    }
    while let argument = rest.popFirst() {
      switch argument {
      case "--below": below = value()
      case "--peer":
        let parts = value().split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { Self.refuse() }
        others.append((String(parts[0]), String(parts[1])))
      case "--cairn": others.append((Place.cairn, value()))
      case "--socket": socket = value()
      case "--hook": hook = value()
      case "--archive": archive = value()
      case "--without-tree": withoutTree.insert(value())
      case "--rounds":
        guard let number = Int(value()), number > 0 else { Self.refuse() }
        rounds = number
      case "--only": only = value()
      case "--best": best = true
      case "--quick":
        quick = true
        rounds = 1
      default: Self.refuse()
      }
    }
    let hasCairn = others.contains { $0.name == Place.cairn }
    guard !below.isEmpty, !others.isEmpty, hasCairn == (socket != nil) else { Self.refuse() }
    places = [Place(name: "below", directory: below, hook: nil, client: nil)]
    for other in others {
      let client = other.name == Place.cairn ? socket.map(StorageClient.init(socket:)) : nil
      places.append(Place(name: other.name, directory: other.directory, hook: hook, client: client))
    }
  }

  private static func refuse() -> Never {
    print(usage, to: &standardError)
    exit(2)
  }
}
