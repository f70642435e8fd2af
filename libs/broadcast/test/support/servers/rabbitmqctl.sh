#!/usr/bin/env bash
# rabbitmqctl.sh PORT DATA ARGUMENT…: runs rabbitmqctl for a node that rabbitmq.sh has started alone.
. "$(dirname "$0")/debian.sh"
port=$1 data=$2
shift 2
inside "$data" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv LANG=C.UTF-8 ERL_EPMD_PORT=$((port + 9)) \
  setpriv --reuid rabbitmq --regid rabbitmq --clear-groups \
  /usr/lib/rabbitmq/bin/rabbitmqctl --longnames --node "rabbit_$((port + 3))@127.0.0.1" "$@"
