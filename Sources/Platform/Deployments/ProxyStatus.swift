/// A server as HAProxy has it, from `show servers state` (HAProxy's management guide, section 9.3).
struct ObservedServer: Hashable, Sendable {
  var backend: String
  var name: String
  /// As the user set it: 0 takes no new requests.
  var weight: Int
  /// Taken out by hand, which comes before a server is deleted.
  var isInMaintenance: Bool
}

/// What `show stat` says of a backend's server.
struct ServerStatistics: Hashable, Sendable {
  var backend: String
  /// `BACKEND` for the whole.
  var server: String
  /// Requests that it has.
  var current: Int
  /// Requests that wait for it.
  var queued: Int
  /// Requests that it has had since the worker began.
  var total: Int
}

/// Parses `show servers state`. Lines of another form are passed over.
func parseServers(_ text: String) -> [ObservedServer] {
  var columns: [Substring: Int] = [:]
  return text.split(separator: "\n").compactMap { line in
    if line.hasPrefix("# ") {
      let names = line.dropFirst(2).split(separator: " ")
      columns = Dictionary(zip(names, names.indices)) { first, _ in first }
      return nil
    }
    let fields = line.split(separator: " ")
    func field(_ name: Substring) -> Substring? { columns[name].flatMap { $0 < fields.count ? fields[$0] : nil } }
    guard let backend = field("be_name"), let name = field("srv_name"),
      let weight = field("srv_uweight").flatMap({ Int($0) }),
      let admin = field("srv_admin_state").flatMap({ Int($0) })
    else { return nil }
    // Bits 0 to 2: forced into maintenance, by another that it tracks, by the configuration.
    return ObservedServer(
      backend: String(backend), name: String(name), weight: weight, isInMaintenance: admin & 7 != 0)
  }
}

/// Parses `show stat`, which is CSV. Lines of another form are passed over.
func parseStatistics(_ text: String) -> [ServerStatistics] {
  var columns: [Substring: Int] = [:]
  return text.split(separator: "\n").compactMap { line in
    if line.hasPrefix("# ") {
      let names = line.dropFirst(2).split(separator: ",", omittingEmptySubsequences: false)
      columns = Dictionary(zip(names, names.indices)) { first, _ in first }
      return nil
    }
    let fields = line.split(separator: ",", omittingEmptySubsequences: false)
    func field(_ name: Substring) -> Substring? { columns[name].flatMap { $0 < fields.count ? fields[$0] : nil } }
    guard let backend = field("pxname"), let server = field("svname"),
      let current = field("scur").flatMap({ Int($0) }), let total = field("stot").flatMap({ Int($0) })
    else { return nil }
    return ServerStatistics(
      backend: String(backend), server: String(server), current: current,
      queued: field("qcur").flatMap { Int($0) } ?? 0, total: total)
  }
}

/// Parses what the hold script's `show held` says: the number of requests held, by backend.
func parseHeld(_ text: String) -> [String: Int] {
  var held: [String: Int] = [:]
  for line in text.split(separator: "\n") {
    let words = line.split(separator: " ")
    if words.count == 2, let count = Int(words[1]) { held[String(words[0])] = count }
  }
  return held
}

/// The processes that the master's `show proc` lists.
struct ProxyProcesses: Hashable, Sendable {
  /// The one that takes new connections; nil: none does.
  var worker: Int32?
  /// Those that a reload has replaced, with connections left.
  var oldWorkers: [Int32]
  /// Reloads that failed.
  var failedReloads: Int

  init(parsing text: String) {
    var isOld = false
    (worker, oldWorkers, failedReloads) = (nil, [], 0)
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#") {
        isOld = line.hasPrefix("# old workers")
        continue
      }
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      guard words.count > 2, let pid = Int32(words[0]) else { continue }
      switch words[1] {
      case "master":
        if let index = words.firstIndex(of: "[failed:"), index + 1 < words.count {
          failedReloads = Int(words[index + 1].prefix { $0.isNumber }) ?? 0
        }
      case "worker": if isOld { oldWorkers.append(pid) } else { worker = pid }
      default: continue
      }
    }
  }
}
