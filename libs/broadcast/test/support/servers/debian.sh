# Sourced by the scripts of servers that come from Debian: a newer Debian than this machine may have, in a folder of its own.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

SUITE=${DEBIAN_SUITE:-trixie}
ROOT=$CACHE/debian-$SUITE/root

# PostgreSQL and PgBouncer are for the tests of other brokers: one folder serves all.
install_debian() {
  [ "$(id -u)" = 0 ] || { echo "root is needed to install and run servers in a folder with debootstrap" >&2; return 1; }
  # The mirror that apt uses here.
  local mirror scripts=/usr/share/debootstrap/scripts
  mirror=$(apt-get indextargets --format '$(SITE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 == "main" && $1 !~ /security/ { print $1; exit }')
  # The layout of a suite that debootstrap does not know yet is that of unstable.
  debootstrap --variant=minbase --include=rabbitmq-server,postgresql,pgbouncer "$SUITE" "$PWD/root" "$mirror" \
    "$([ -e "$scripts/$SUITE" ] && echo "$scripts/$SUITE" || echo "$scripts/sid")"
}
once "debian-$SUITE" install_debian

# inside DATA COMMAND…: replaces this process by a command that has the Debian folder as its root, and the folder DATA as /srv.
# The mounts belong to the process, and end with it.
inside() {
  exec unshare --mount --propagation private sh -c '
    root=$1 data=$2; shift 2
    mount --bind "$data" "$root/srv" && mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" && exec chroot "$root" "$@"
  ' inside "$ROOT" "$@"
}

# owner_of USER: the numbers of a user in the Debian folder, as chown expects them.
owner_of() { awk -F: -v user="$1" '$1 == user { print $3 ":" $4 }' "$ROOT/etc/passwd"; }
