#!/usr/bin/env bash
# Servers behind a network that suddenly loses every packet, so that nobody tells the client that its connections are gone.
#
#   silent-peer.sh TIDEMARK        (from the repository's root, as root: it makes a network namespace)
#
# Prints for each command how long it took to notice, and how it ended once the network was back.
set -euo pipefail
tidemark=$1
. scripts/lib/servers.sh

place=tidemark-$$
net=10.213.$((RANDOM % 250)).
link=tm$$
servers_begin
trap 'servers_end; ip netns pids "$place" | xargs -r kill -9; ip netns del "$place"; ip link del "$link" 2>/dev/null || true' EXIT
ip netns add "$place"
ip link add "$link" type veth peer name inside netns "$place"
ip addr add "${net}1/24" dev "$link"
ip link set "$link" up
ip -n "$place" addr add "${net}2/24" dev inside
ip -n "$place" link set inside up
ip -n "$place" link set lo up
as_postgres() { ip netns exec "$place" setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }

bin=$(pg_bin)
source_port=5601
target_port=5602
for side in source target; do
    port=${side}_port
    server_start "$side" "${!port}" listen_addresses="'*'"
    echo "host all all ${net}0/24 trust" >>"$SERVERS_DIR/$side/data/pg_hba.conf"
    as_postgres "$bin/pg_ctl" --silent --pgdata="$SERVERS_DIR/$side/data" reload
done
# Also reaches the servers while the network loses packets.
psql() { ip netns exec "$place" "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host=127.0.0.1 --username=postgres "$@"; }

# begin NAME PHASE LOCKED LOCK COMMAND...: runs a command on a new pair of databases up to a phase, in which it waits for a lock on
# a server, or goes on slowly.
begin() {
    local name=$1 phase=$2 locked=$3 lock=$4
    shift 4
    for port in $source_port $target_port; do psql --port="$port" --dbname=postgres --command="CREATE DATABASE $name"; done
    psql --port="$source_port" --dbname="$name" --command="
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 20000) n;
        CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t); INSERT INTO u SELECT n, n FROM generate_series(1, 5000) n; ANALYZE"
    export TIDEMARK_SOURCE="host=${net}2 port=$source_port user=postgres dbname=$name"
    export TIDEMARK_TARGET="host=${net}2 port=$target_port user=postgres dbname=$name"
    if [ "$1" = cutover ]; then "$tidemark" precopy --chunk-size 64kB --whole-below 16kB >/dev/null 2>&1; fi
    if [ -n "$lock" ]; then
        local port=${locked}_port
        psql --port="${!port}" --dbname="$name" --command="BEGIN; LOCK TABLE $lock; SELECT pg_sleep(600)" >/dev/null 2>&1 &
        sleep 0.5
    fi
    "$tidemark" "$@" --chunk-size 64kB --whole-below 16kB >"$SERVERS_DIR/$name.output" 2>"$SERVERS_DIR/$name.errors" &
    echo $! >"$SERVERS_DIR/$name.pid"
    until_told "$SERVERS_DIR/$name.errors" "^..:..:.. [^ ]+ $phase\$"
    sleep 1
}

# What may be left alone longest comes first: the copy ends after a minute, and pg_dump waits half a minute for a lock.
begin building "keys and indexes|constraints" target "u IN ROW EXCLUSIVE MODE" cutover
begin copying "copy and build" "" "" precopy --max-rate 100kB
begin dumping preparation source "t IN ACCESS EXCLUSIVE MODE" precopy
# Packets for an address that no network card has are lost without a word.
ip neigh replace "${net}2" lladdr 02:00:00:00:00:99 dev "$link" nud permanent
ip -n "$place" neigh replace "${net}1" lladdr 02:00:00:00:00:99 dev inside nud permanent
cut=$SECONDS
for name in dumping copying building; do
    (
        until_told "$SERVERS_DIR/$name.errors" "cannot be reached; trying again|beginning again|retrying"
        if [ $((SECONDS - cut)) -le 120 ]; then echo "$name: noticed within two minutes ($((SECONDS - cut)) s)"; fi
    ) &
    noticing+=" $!"
done
# shellcheck disable=SC2086 # one word per process
wait $noticing
# Nothing waits for a lock any more.
for port in $source_port $target_port; do
    psql --port="$port" --dbname=postgres --command="
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND pid <> pg_backend_pid()" >/dev/null
done
ip neigh del "${net}2" dev "$link"
ip -n "$place" neigh del "${net}1" dev inside
"$tidemark" throttle --target "host=${net}2 port=$target_port user=postgres dbname=copying" --max-rate none >/dev/null 2>&1 || true
for name in dumping copying building; do
    pid=$(cat "$SERVERS_DIR/$name.pid")
    status=0
    wait "$pid" || status=$?
    echo "$name: ended with $status"
    if [ $status != 0 ]; then cat "$SERVERS_DIR/$name.errors" "$SERVERS_DIR/$name.output" >&2; fi
done
