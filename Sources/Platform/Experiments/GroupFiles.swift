import ControlDatabase
import Daemon
import FoundationEssentials
import Glibc
import Linux

/// What the replicas of a group find in `/run/cairn`: the hosts, and a way to start a program in another replica that
/// needs neither ssh nor keys, only a shell.
struct GroupFiles: Sendable {
  /// In a container.
  static let waiter = "/run/cairn/wait"
  private static let calls = "/run/cairn/calls"

  /// On the host.
  let directory: String

  /// Writes them for a start of the group.
  func write(_ members: [GroupMember]) throws {
    if FileManager.default.fileExists(atPath: directory) { try FileManager.default.removeItem(atPath: directory) }
    let calls = directory + "/calls"
    try makeDirectories(calls, mode: 0o755)
    for member in members {
      let own = "\(calls)/rank-\(member.rank)"
      try makeDirectories(own)
      // Any user of a container; nobody but the group's containers sees it.
      chmod(own, 0o777)
      for name in Set([member.name, member.address]) where symlink("rank-\(member.rank)", "\(calls)/\(name)") != 0 {
        // Replicas on the host's network share an address: there, names are what tells them apart.
        guard errno == EEXIST else { throw SystemError("symlink", "\(calls)/\(name)") }
      }
    }
    let hosts = members.map { "rank-\($0.rank) slots=\($0.slots)\n" }.joined()
    for (name, text, mode) in [
      ("hostfile", hosts, mode_t(0o644)), ("launch", Self.launchScript, 0o755), ("wait", Self.waitScript, 0o755),
    ] {
      try text.write(toFile: "\(directory)/\(name)", atomically: true, encoding: .utf8)
      chmod("\(directory)/\(name)", mode)
    }
  }

  var directories: [MountedDirectory] {
    [
      MountedDirectory(directory + "/hostfile", at: GroupEnvironment.hostFile, isReadOnly: true),
      MountedDirectory(directory + "/launch", at: GroupEnvironment.launcher, isReadOnly: true),
      MountedDirectory(directory + "/wait", at: Self.waiter, isReadOnly: true),
      MountedDirectory(directory + "/calls", at: Self.calls),
    ]
  }

  /// What mpirun takes for ssh. A call is a directory that is complete once its name ends in `.ready`.
  private static let launchScript = """
    #!/bin/sh
    # launch HOST COMMAND…: runs a command in another replica of this group, as ssh does.
    while [ "${1#-}" != "$1" ]; do shift; done
    calls=/run/cairn/calls/$1
    if [ ! -d "$calls" ]; then echo "launch: there is no replica $1" >&2; exit 255; fi
    shift
    # mpirun may not know this replica by that name, and here nobody may wait for calls.
    if [ "$calls" -ef "/run/cairn/calls/rank-$CAIRN_NODE_RANK" ]; then exec sh -c "$*"; fi
    call=$(mktemp -d "$calls/XXXXXXXX") || exit 255
    chmod 777 "$call"
    printf '%s\\n' "$*" >"$call/command"
    mv "$call" "$call.ready"
    while [ ! -f "$call.running/status" ]; do sleep 0.2; done
    exit "$(cat "$call.running/status")"

    """

  /// The command of a replica that has none of its own.
  private static let waitScript = """
    #!/bin/sh
    # Runs what other replicas launch in this one, until it is told to stop.
    trap 'kill $(jobs -p) 2>/dev/null; exit 143' TERM INT
    cd /workspace 2>/dev/null
    while :; do
      for ready in /run/cairn/calls/rank-"$CAIRN_NODE_RANK"/*.ready; do
        [ -d "$ready" ] || continue
        call=${ready%.ready}.running
        mv "$ready" "$call"
        { sh "$call/command"; echo $? >"$call/status.new"; mv "$call/status.new" "$call/status"; } &
      done
      sleep 0.2
    done

    """
}
