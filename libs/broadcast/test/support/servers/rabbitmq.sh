#!/usr/bin/env bash
# rabbitmq.sh PORT DATA [PORT,PORT…]: starts a RabbitMQ node with its data in the folder DATA, or starts it again. User and
# password are guest. With the ports of several nodes it is one of a cluster; all of them must be started side by side.
#
# PORT is for AMQP, PORT + 1 for AMQP over TLS (if RABBITMQ_CONFIG has certificates), PORT + 2 for the management API, PORT + 3 for
# the other nodes, and PORT + 9 of the first node for epmd. DATA/node.group and DATA/epmd.group have their process groups.
. "$(dirname "$0")/debian.sh"
port=$1 data=$(realpath "$2") members=${3:-$1}
epmd=$((${members%%,*} + 9)) node=$((port + 3))
printf test-servers > "$data/.erlang.cookie"
chmod 600 "$data/.erlang.cookie"
echo '[rabbitmq_management,rabbitmq_auth_mechanism_ssl].' > "$data/plugins"
{
  cat << C
listeners.tcp.1 = 127.0.0.1:$port
management.tcp.ip = 127.0.0.1
management.tcp.port = $((port + 2))
log.file = false
log.console = true
log.console.level = warning
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
# s until nodes notice that another one has ended; the default is 60.
net_ticktime = 5
C
  number=0
  for member in ${members//,/ }; do
    number=$((number + 1))
    [ "$members" = "$port" ] || echo "cluster_formation.classic_config.nodes.$number = rabbit_$((member + 3))@127.0.0.1"
  done
  printf '%s\n' "${RABBITMQ_CONFIG:-}"
} > "$data/rabbitmq.conf"
chown -R "$(owner_of rabbitmq)" "$data"

as_rabbitmq() {
  inside "$data" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv LANG=C.UTF-8 \
    setpriv --reuid rabbitmq --regid rabbitmq --clear-groups "$@"
}
# RabbitMQ does not start without epmd, and would leave one running on its default port. It outlives a node that is killed.
(
  flock 8
  if ! (exec 3<> "/dev/tcp/127.0.0.1/$epmd") 2> /dev/null; then
    (exec 8>&-; as_rabbitmq setsid epmd -address 127.0.0.1 -port "$epmd") > "$data/epmd.log" 2>&1 < /dev/null &
    echo $! > "$data/epmd.group"
    await_port "$epmd" $!
  fi
) 8> "$CACHE/epmd.lock"
# Two schedulers, which do not spin: the machine belongs to the tests.
(
  as_rabbitmq env ERL_EPMD_PORT="$epmd" RABBITMQ_NODENAME="rabbit_$node@127.0.0.1" RABBITMQ_USE_LONGNAME=true \
    RABBITMQ_DIST_PORT="$node" RABBITMQ_MNESIA_BASE=/srv/db RABBITMQ_LOG_BASE=/srv/log RABBITMQ_SCHEMA_DIR=/srv/schema \
    RABBITMQ_GENERATED_CONFIG_DIR=/srv/generated RABBITMQ_FEATURE_FLAGS_FILE=/srv/flags RABBITMQ_PID_FILE=/srv/node.pid \
    RABBITMQ_CONFIG_FILE=/srv/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=/srv/plugins \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 2:2" \
    setsid /usr/lib/rabbitmq/bin/rabbitmq-server
) >> "$data/console" 2>&1 < /dev/null &
pid=$!
echo "$pid" > "$data/node.group"
# It listens for AMQP last.
await_port "$port" "$pid" 90
