#!/usr/bin/env bash
# A precopy from a primary whose standby has stopped to replay, and from that standby.
#
#   replica.sh TIDEMARK        (from the repository's root)
set -euo pipefail
tidemark=$1
. scripts/lib/servers.sh

servers_begin
bin=$(pg_bin)
primary_port=$(free_port)
standby_port=$(free_port)
target_port=$(free_port)
server_start primary "$primary_port" wal_level=replica max_wal_senders=4 synchronous_commit=off
server_start target "$target_port"
psql() { "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host=127.0.0.1 --username=postgres "$@"; }
psql --port="$primary_port" --command='CREATE DATABASE shop'
for database in one two; do psql --port="$target_port" --command="CREATE DATABASE $database"; done
psql --port="$primary_port" --dbname=shop --command="
    CREATE TABLE t (id serial PRIMARY KEY, v text);
    INSERT INTO t (v) SELECT repeat(md5(n::text), 20) FROM generate_series(1, 3000) n;
    ANALYZE"
standby_make standby "$primary_port"
standby_start standby "$standby_port"

export TIDEMARK_SOURCE TIDEMARK_TARGET
options=(--chunk-size 128kB --whole-below 8kB --max-rate 384kB --max-lag 1s --no-proof)
# precopy_while_behind NAME: runs a precopy while the standby does not replay what is written.
precopy_while_behind() {
    psql --port="$standby_port" --dbname=shop --command='SELECT pg_wal_replay_pause()' >/dev/null
    # Somebody writes all the time.
    (while [ ! -e "$SERVERS_DIR/done-$1" ]; do psql --port="$primary_port" --dbname=shop --command="UPDATE t SET v = v WHERE id < 9"; sleep 0.2; done) &
    local writer=$! status=0
    "$tidemark" precopy "${options[@]}" >"$SERVERS_DIR/log-$1" 2>&1 &
    local run=$!
    for ((i = 0; i < 300; i++)); do grep -q 'waiting because the servers are busy' "$SERVERS_DIR/log-$1" && break || sleep 0.1; done
    psql --port="$standby_port" --dbname=shop --command='SELECT pg_wal_replay_resume()' >/dev/null
    wait "$run" || status=$?
    touch "$SERVERS_DIR/done-$1"
    wait "$writer"
    grep -o 'servers are busy: .*' "$SERVERS_DIR/log-$1" | head -1
    grep -c 'going on after' "$SERVERS_DIR/log-$1"
    echo "$1 ended with $status"
}
TIDEMARK_TARGET="host=127.0.0.1 port=$target_port user=postgres dbname=one"
TIDEMARK_SOURCE="host=127.0.0.1 port=$primary_port user=postgres dbname=shop"
precopy_while_behind primary
TIDEMARK_TARGET="host=127.0.0.1 port=$target_port user=postgres dbname=two"
TIDEMARK_SOURCE="host=127.0.0.1 port=$standby_port user=postgres dbname=shop"
precopy_while_behind standby
