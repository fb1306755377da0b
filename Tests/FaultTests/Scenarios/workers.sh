#!/usr/bin/env bash
# Worker processes on machines of their own: one of them is cut off from the network, and one is killed.
#
#   workers.sh TIDEMARK        (from the repository's root, as root: it makes network namespaces)
#
# Prints what took part, how the calls ended, and whether both sides are equal.
set -euo pipefail
tidemark=$1
. scripts/lib/servers.sh

net=10.214.$((RANDOM % 250)).
bridge=tmb$$
machines=(first second third)
place() { echo "tidemark-$1-$$"; }
servers_begin
clean_up() {
    for machine in "${machines[@]}"; do
        ip netns pids "$(place "$machine")" 2>/dev/null | xargs -r kill -9 || true
        ip netns del "$(place "$machine")" 2>/dev/null || true
    done
    servers_end
    ip link del "$bridge" 2>/dev/null || true
}
trap clean_up EXIT
ip link add "$bridge" type bridge
ip addr add "${net}1/24" dev "$bridge"
ip link set "$bridge" up
number=1
for machine in "${machines[@]}"; do
    number=$((number + 1))
    ip netns add "$(place "$machine")"
    ip link add "tm$$n$number" type veth peer name inside netns "$(place "$machine")"
    ip link set "tm$$n$number" master "$bridge" up
    ip -n "$(place "$machine")" addr add "${net}$number/24" dev inside
    ip -n "$(place "$machine")" link set inside up
    ip -n "$(place "$machine")" link set lo up
done

bin=$(pg_bin)
source_port=$(free_port)
target_port=$(free_port)
for side in source target; do
    port=${side}_port
    server_start "$side" "${!port}" listen_addresses="'*'"
    echo "host all all ${net}0/24 trust" >>"$SERVERS_DIR/$side/data/pg_hba.conf"
    as_postgres "$bin/pg_ctl" --silent --pgdata="$SERVERS_DIR/$side/data" reload
    "$bin/psql" --no-psqlrc --quiet --host=127.0.0.1 --username=postgres --port="${!port}" --dbname=postgres --command="CREATE DATABASE shop"
done
ask() {
    local port=${1}_port
    "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host=127.0.0.1 --username=postgres --port="${!port}" \
        --dbname=shop --command="$2"
}
ask source "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE INDEX ON t (v);
    INSERT INTO t SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 20000) n; ANALYZE"
export TIDEMARK_SOURCE="host=${net}1 port=$source_port user=postgres dbname=shop"
export TIDEMARK_TARGET="host=${net}1 port=$target_port user=postgres dbname=shop"

# start MACHINE: starts a worker there.
declare -A pids
start() {
    ip netns exec "$(place "$1")" "$tidemark" worker --name "$1" --jobs 1 --index-jobs 1 --wait 120 \
        >"$SERVERS_DIR/$1.output" 2>"$SERVERS_DIR/$1.errors" &
    pids[$1]=$!
}
# copied MACHINE: how many chunks it has copied in all.
copied() { ask target "SELECT count(*) FROM tidemark.event JOIN tidemark.worker USING (worker_id) WHERE name = '$1' AND chunk_number IS NOT NULL"; }

for machine in "${machines[@]}"; do start "$machine"; done
"$tidemark" precopy --jobs 1 --chunk-size 32kB --whole-below 16kB --max-rate 200kB >"$SERVERS_DIR/precopy.output" 2>"$SERVERS_DIR/precopy.errors" &
client=$!
for _ in $(seq 300); do
    if [ "$(copied second 2>/dev/null || echo 0)" -gt 0 ] && [ "$(copied third)" -gt 0 ]; then break; fi
    sleep 0.1
done
# What it sends is lost without a word, in the middle of a chunk.
ip -n "$(place second)" link set inside down
kill -9 "${pids[third]}"
before=$(copied second)
"$tidemark" throttle --max-rate none >/dev/null
cut=$SECONDS
status=0
wait "$client" || status=$?
echo "precopy: ended with $status"
if [ $((SECONDS - cut)) -le 120 ]; then echo "what the others had claimed was free within two minutes ($((SECONDS - cut)) s)"; fi
if [ $status != 0 ]; then cat "$SERVERS_DIR/precopy.errors" "$SERVERS_DIR/precopy.output" >&2; fi
status=0
wait "${pids[first]}" || status=$?
echo "first: ended with $status, $(copied first) chunks"
echo "second: $(copied second) chunks, $(($(copied second) - before)) of them after it was cut off"
if grep -q 'Copied 20,000 rows' "$SERVERS_DIR/precopy.output"; then echo "the report counts all rows"; else cat "$SERVERS_DIR/precopy.output" >&2; fi

ask source "UPDATE t SET v = v || 'x' WHERE id % 3 = 0; DELETE FROM t WHERE id % 7 = 0"
start third
"$tidemark" cutover --jobs 1 --chunk-size 32kB --max-rate 300kB >"$SERVERS_DIR/cutover.output" 2>"$SERVERS_DIR/cutover.errors" && status=0 || status=$?
echo "cutover: ended with $status"
if [ $status != 0 ]; then cat "$SERVERS_DIR/cutover.errors" "$SERVERS_DIR/cutover.output" >&2; fi
status=0
wait "${pids[third]}" || status=$?
echo "third: ended with $status"
sum="SELECT count(*) || ' ' || md5(string_agg(id || v, ',' ORDER BY id)) FROM t"
if [ "$(ask source "$sum")" = "$(ask target "$sum")" ]; then echo "both sides are equal"; fi
ask target "SELECT 'took part in the cutover: ' || string_agg(DISTINCT w.name, ', ') FROM tidemark.event e JOIN tidemark.worker w USING (worker_id)
    JOIN tidemark.run r USING (epoch) WHERE e.chunk_number IS NOT NULL"
