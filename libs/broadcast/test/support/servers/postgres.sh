#!/usr/bin/env bash
# postgres.sh PORT DATA [PRIMARY_PORT]: starts a PostgreSQL server with its data in the folder DATA, or starts it again. The user is
# postgres, without a password. With the port of another server it begins as its streaming replica.
#
# Shared memory is in DATA too: what a killed server leaves is removed with it.
# The environment variable POSTGRES_CONFIG has more lines for its configuration. DATA/postmaster has the process id.
# postgres.sh promote DATA: makes a replica the primary.
. "$(dirname "$0")/debian.sh"
bin=/$(cd "$ROOT" && echo usr/lib/postgresql/*/bin)

# as_postgres DATA COMMAND…
as_postgres() {
  local data=$1
  shift
  inside "$data" env -i PATH="$bin:/usr/bin:/bin" LANG=C.UTF-8 HOME=/tmp setpriv --reuid postgres --regid postgres --clear-groups "$@"
}

# Creating a database takes a second: it is done once, and the result copied.
create_database() {
  mkdir data
  chown "$(owner_of postgres)" data
  (as_postgres "$PWD/data" initdb -D /srv/db -A trust --no-sync -E UTF8 --locale=C.UTF-8)
  echo 'host replication all 127.0.0.1/32 trust' >> data/db/pg_hba.conf
}

if [ "$1" = promote ]; then
  (as_postgres "$(realpath "$2")" pg_ctl promote -w -D /srv/db > /dev/null)
  exit
fi
port=$1 data=$(realpath "$2") primary=${3:-}
chown "$(owner_of postgres)" "$data"
if [ ! -d "$data/db" ]; then
  if [ -n "$primary" ]; then
    (as_postgres "$data" pg_basebackup -h 127.0.0.1 -p "$primary" -U postgres -D /srv/db -X stream -c fast --no-sync -R)
  else
    once postgres-data create_database
    cp -a "$CACHE/postgres-data/data/db" "$data/db"
  fi
fi
cat > "$data/settings.conf" << C
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
max_connections = 100
max_wal_senders = 5
wal_keep_size = 64MB
min_wal_size = 32MB
max_wal_size = 128MB
log_min_messages = fatal
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
cluster_name = 'p$port'
${POSTGRES_CONFIG:-}
C
grep -q settings.conf "$data/db/postgresql.conf" || echo "include '/srv/settings.conf'" >> "$data/db/postgresql.conf"
(as_postgres "$data" setsid postgres -D /srv/db) >> "$data/console" 2>&1 < /dev/null &
pid=$!
echo "$pid" > "$data/postmaster"
await_port "$port" "$pid"
# It listens before it accepts anybody.
for ((step = 0; step < 600; step++)); do
  if (as_postgres "$data" pg_isready -q -h 127.0.0.1 -p "$port"); then exit; fi
  sleep 0.05
done
exit 1
