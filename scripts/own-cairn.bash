# A Cairn in a directory of its own, for scripts/demo and scripts/bench, which source this file. It shares nothing
# with an installed one.
# shellcheck shell=bash

PATH=$PWD/.build/release:$PATH

# Writes DIRECTORY/cairn.yaml with every path inside of the directory.
write_configuration() {
  local directory=$1
  cat >"$directory/cairn.yaml" <<END
run_dir: $directory/run
storage:
  dir: $directory/store
  mount: $directory/mount
  persistent_mount: $directory/storage
control:
  dir: $directory/control
  listen: null
END
}

# start_daemon DIRECTORY READY COMMAND…: runs the command in the background, its output in DIRECTORY/daemon.log,
# until the READY command succeeds.
start_daemon() {
  local directory=$1 ready=$2
  shift 2
  "$@" >>"$directory/daemon.log" 2>&1 &
  echo $! >"$directory/daemon.pid"
  for _ in {1..300}; do
    if eval "$ready" >/dev/null 2>&1; then
      return
    fi
    if ! kill -0 "$(cat "$directory/daemon.pid")" 2>/dev/null; then
      break
    fi
    sleep 0.1
  done
  echo "$1 did not start; its last words:" >&2
  tail -n 20 "$directory/daemon.log" >&2
  return 1
}

# Asks the daemon to stop and waits until it has; fails after a minute, when it kills it.
stop_daemon() {
  local directory=$1 pid
  [[ -f $directory/daemon.pid ]] || return 0
  pid=$(cat "$directory/daemon.pid")
  rm "$directory/daemon.pid"
  kill -TERM "$pid" 2>/dev/null || return 0
  for _ in {1..600}; do
    if ! kill -0 "$pid" 2>/dev/null; then
      return
    fi
    sleep 0.1
  done
  echo "The daemon did not stop within a minute; its last words:" >&2
  tail -n 20 "$directory/daemon.log" >&2
  kill -KILL "$pid"
  return 1
}

mounts_below() {
  awk -v directory="$1/" 'index($2 "/", directory) == 1 { print $2 }' /proc/mounts
}

# Processes whose command line names the directory: daemons, conmon, containers' helpers.
processes_below() {
  local entry
  for entry in /proc/[0-9]*; do
    if [[ ${entry#/proc/} != "$$" ]] && tr '\0' ' ' 2>/dev/null <"$entry/cmdline" | grep -qF "$1/"; then
      echo "${entry#/proc/} $(tr '\0' ' ' 2>/dev/null <"$entry/cmdline")"
    fi
  done
}

# Containers of the directory's control plane, ended ones too. There is no podman where only the storage was started.
containers_of() {
  if command -v podman >/dev/null; then
    podman ps --all --quiet --filter "label=io.cairn.instance=$1/control"
  fi
}

# Succeeds when nothing below the directory is mounted and nothing from it runs; says what is left otherwise.
nothing_left() {
  local left
  left=$(mounts_below "$1" && processes_below "$1" && containers_of "$1")
  if [[ -n $left ]]; then
    printf 'Left behind:\n%s\n' "$left" >&2
    return 1
  fi
}

# For a trap: stops what runs and removes the directory, whatever state a failure left it in.
clean_up() {
  local directory=$1 container mount
  stop_daemon "$directory" || true
  while read -r container; do
    podman rm --force --time 0 "$container" >/dev/null || true
  done < <(containers_of "$directory")
  while read -r mount; do
    umount --lazy "$mount" || true
  done < <(mounts_below "$directory" | tac)
  if [[ -n ${KEEP:-} ]]; then
    echo "Kept: $directory"
  else
    # --one-file-system: should a mount still be there, what is in it stays.
    rm -rf --one-file-system "$directory"
  fi
}
