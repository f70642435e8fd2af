# Sourced by the other scripts. CACHE is the folder that keeps what is installed between runs.
set -euo pipefail

CACHE=${TEST_SERVERS_CACHE:-$HOME/.cache/holdfast-test-servers}
mkdir -p "$CACHE"

# once NAME COMMAND…: runs the command in a new folder, which becomes $CACHE/NAME only if the command succeeded. Concurrent
# runs wait for each other.
once() {
  local name=$1; shift
  [ -d "$CACHE/$name" ] && return
  (
    flock 9
    [ -d "$CACHE/$name" ] && exit
    rm -rf "$CACHE/$name.part"; mkdir -p "$CACHE/$name.part"
    (cd "$CACHE/$name.part" && "$@") >&2
    mv "$CACHE/$name.part" "$CACHE/$name"
  ) 9>"$CACHE/$name.lock"
}

# await_port PORT PID [SECONDS]: returns when something listens on the port; fails if the process ends first.
await_port() {
  local port=$1 pid=$2 limit=${3:-60} step
  for ((step = 0; step < limit * 20; step++)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
    kill -0 "$pid" 2>/dev/null || { echo "the server ended before it listened on $port" >&2; return 1; }
    sleep 0.05
  done
  echo "nothing listens on $port after $limit s" >&2
  return 1
}
