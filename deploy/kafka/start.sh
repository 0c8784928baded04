#!/bin/sh
# Run one real Kafka broker (KRaft) in the foreground, on loopback, until it is killed.
#
#   start.sh [--port 9092] [--controller-port 9093] [--proxied-port P --advertised-port Q] [--dir .local/kafka]
#            [--node N --voters N@HOST:PORT,... --cluster-id ID] [K=V ...]
#
# State is kept in --dir and survives a kill.  With --proxied-port the broker also listens on P and advertises port Q to
# clients that connect there, so that a proxy on Q sees all their traffic.  With --voters it is node N of a cluster with
# these controllers, one with each broker.  K=V are further broker settings.  Time-outs are short: this broker is for
# tests, not for keeping data.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
port=9092 controller=9093 dir=.local/kafka proxied='' advertised='' node=1 voters='' cluster=''
usage() { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    --*) [ $# -gt 1 ] || usage ;;
  esac
  case "$1" in
    --port) port=$2; shift 2 ;;
    --controller-port) controller=$2; shift 2 ;;
    --proxied-port) proxied=$2; shift 2 ;;
    --advertised-port) advertised=$2; shift 2 ;;
    --dir) dir=$2; shift 2 ;;
    --node) node=$2; shift 2 ;;
    --voters) voters=$2; shift 2 ;;
    --cluster-id) cluster=$2; shift 2 ;;
    *=*) break ;;
    *) usage ;;
  esac
done
[ -e "$here/lib/.installed" ] || { echo "Kafka is not installed; run: make kafka" >&2; exit 2; }
for wanted in "$port" "$controller"; do
  if grep -qs ":$(printf '%04X' "$wanted") [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6; then
    echo "Port $wanted is in use, perhaps by another broker; choose others: --port 19092 --controller-port 19093 --dir .local/other" >&2
    exit 2
  fi
done
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

listeners="PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller"
addresses="PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller"
if [ -n "$proxied" ]; then
  listeners="$listeners,PROXIED://127.0.0.1:$proxied"
  addresses="$addresses,PROXIED://127.0.0.1:${advertised:-$proxied}"
fi
quorum="controller.quorum.bootstrap.servers=127.0.0.1:$controller"
[ -z "$voters" ] || quorum="controller.quorum.voters=$voters"
cat > "$dir/server.properties" <<EOF
process.roles=broker,controller
node.id=$node
$quorum
controller.listener.names=CONTROLLER
listeners=$listeners
advertised.listeners=$addresses
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/data
num.partitions=6
default.replication.factor=1
min.insync.replicas=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=200
group.consumer.heartbeat.interval.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
log.segment.bytes=16777216
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=2097152
EOF
for setting in "$@"; do
  echo "$setting" >> "$dir/server.properties"
done

run() { java -cp "$here/lib/*" -Dlog4j2.configurationFile="$here/log4j2.properties" "$@"; }
if [ ! -e "$dir/data/meta.properties" ]; then
  [ -n "$cluster" ] || cluster=$(run kafka.tools.StorageTool random-uuid)
  set -- -t "$cluster" -c "$dir/server.properties"
  [ -n "$voters" ] || set -- "$@" --standalone
  run kafka.tools.StorageTool format "$@" >/dev/null
fi
echo "Kafka is starting on 127.0.0.1:$port with its data in $dir; stop it with Ctrl-C"
# A short-lived broker gains nothing from optimising compilation: stop at the first tier.
exec java -Xms256m -Xmx512m -XX:+UseSerialGC ${KAFKA_JVM:--XX:TieredStopAtLevel=1} -Djava.awt.headless=true \
  -cp "$here/lib/*" -Dlog4j2.configurationFile="$here/log4j2.properties" kafka.Kafka "$dir/server.properties"
