#!/usr/bin/env bash
# kafka.sh: installs Kafka if it is missing, and prints the folder that has it. It needs Java 17 and Maven.
# kafka.sh PORT CONTROLLER_PORT DATA [NODE_ID ID@HOST:CONTROLLER_PORT,…]: also runs a node in KRaft mode, which is broker and
# controller at once. It is a cluster of its own, or one node of a cluster if the controllers of all nodes are given. The
# environment variable KAFKA_LINES has more lines for its configuration, and KAFKA_OPTS more options for Java. It has a user for SCRAM, `scram`, with the password
# `first`.
. "$(dirname "$0")/common.sh"
VERSION=${KAFKA_VERSION:-4.4.0}
home=$CACHE/kafka-$VERSION
formatted=$CACHE/kafka-$VERSION-formatted

# A small server that starts fast.
java=(java -Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -cp "$home/lib/*"
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true)

install_kafka() {
  cat > pom.xml <<X
<project><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$VERSION</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
X
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime
}

# configure DATA PORT CONTROLLER_PORT NODE_ID VOTERS
configure() {
  local replicas=1 in_sync=1
  if [[ $5 = *,* ]]; then replicas=3 in_sync=2; fi
  cat > "$1/server.properties" <<P
process.roles=broker,controller
node.id=$4
controller.quorum.voters=$5
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$3
advertised.listeners=PLAINTEXT://127.0.0.1:$2
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$1/logs
num.partitions=1
num.network.threads=2
num.io.threads=4
background.threads=2
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.num.partitions=1
offsets.topic.replication.factor=$replicas
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=1
auto.create.topics.enable=false
# Failovers within the patience of a test; the defaults are 9 s and more.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=1000
controller.quorum.fetch.timeout.ms=2000
replica.lag.time.max.ms=3000
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=1000
${KAFKA_LINES:-}
P
}

# Formatting a data directory takes seconds: it is done once, and the result copied.
format_data() {
  configure "$PWD" 1 2 1 1@127.0.0.1:2
  "${java[@]}" kafka.tools.StorageTool format -t aG9sZGZhc3QtdGVzdHMhIQ -c server.properties \
    --add-scram 'SCRAM-SHA-256=[name=scram,password=first]' --add-scram 'SCRAM-SHA-512=[name=scram,password=first]'
}

# Loading classes takes most of a start: a first run that ends properly leaves an archive of them.
archive_classes() {
  local port=$((20000 + RANDOM % 10000))
  cp -r "$formatted/logs" .
  configure "$PWD" $port $((port + 1)) 1 "1@127.0.0.1:$((port + 1))"
  "${java[@]}" -XX:ArchiveClassesAtExit=classes.jsa -Xlog:cds=off -Xlog:cds+dynamic=off kafka.Kafka server.properties &
  await_port $port $! 90
  kill $!
  wait $! || true
  rm -r logs
}

once "kafka-$VERSION" install_kafka
once "kafka-$VERSION-formatted" format_data
once "kafka-$VERSION-classes" archive_classes
if [ $# = 0 ]; then
  echo "$home"
  exit
fi

port=$1 controller_port=$2 data=$3 node=${4:-1}
voters=${5:-$node@127.0.0.1:$controller_port}
if [ ! -d "$data/logs" ]; then
  cp -r "$formatted/logs" "$data"
  directory_id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d =)
  sed -i "s/^node.id=.*/node.id=$node/; s/^directory.id=.*/directory.id=$directory_id/" "$data/logs/meta.properties"
fi
configure "$data" "$port" "$controller_port" "$node" "$voters"
# shellcheck disable=SC2086
exec "${java[@]}" ${KAFKA_OPTS:-} -XX:SharedArchiveFile="$CACHE/kafka-$VERSION-classes/classes.jsa" kafka.Kafka "$data/server.properties"
