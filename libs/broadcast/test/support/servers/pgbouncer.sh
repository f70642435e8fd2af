#!/usr/bin/env bash
# pgbouncer.sh PORT DATA POSTGRES_PORT: starts a PgBouncer in transaction mode before a PostgreSQL server, with its files in the folder
# DATA. DATA/pgbouncer has the process id.
. "$(dirname "$0")/debian.sh"
port=$1 data=$(realpath "$2") server=$3
chown "$(owner_of postgres)" "$data"
cat > "$data/pgbouncer.ini" << C
[databases]
* = host=127.0.0.1 port=$server user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
server_login_retry = 1
C
(
  inside "$data" env -i PATH=/usr/sbin:/usr/bin:/bin setpriv --reuid postgres --regid postgres --clear-groups \
    setsid pgbouncer -q /srv/pgbouncer.ini
) >> "$data/console" 2>&1 < /dev/null &
pid=$!
echo "$pid" > "$data/pgbouncer"
await_port "$port" "$pid"
