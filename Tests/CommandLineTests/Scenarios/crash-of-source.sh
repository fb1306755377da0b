#!/usr/bin/env bash
# A source that crashes, loses one session, or is restarted between the precopy and a cutover by counters.
#
#   crash-of-source.sh TIDEMARK        (from the repository's root)
#
# After each, rows are written until the counters of the table are those from before. Prints how the cutover ended, whether
# the rows are the same on both sides, and how many ranges were not read.
set -euo pipefail
tidemark=$1
. scripts/lib/servers.sh

servers_begin
bin=$(pg_bin)
source_port=$(free_port)
target_port=$(free_port)
server_start source "$source_port"
server_start target "$target_port"
psql() { "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host=127.0.0.1 --username=postgres "$@"; }
on_source() { psql --port="$source_port" --dbname="$name" "$@"; }
start() {
    (cd "$SERVERS_DIR/source" && as_postgres "$bin/pg_ctl" --silent --wait --pgdata="$SERVERS_DIR/source/data" \
        --log="$SERVERS_DIR/source/server.log" \
        --options="-p $source_port -k $SERVERS_DIR/source -c listen_addresses=127.0.0.1 -c fsync=off" start)
}
stop() { as_postgres "$bin/pg_ctl" --silent --wait --mode="$1" --pgdata="$SERVERS_DIR/source/data" stop; }
kill_backend() {
    local pid=
    on_source --command="SELECT pg_sleep(60)" >/dev/null 2>&1 &
    for _ in $(seq 50); do
        pid=$(on_source --command="SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' LIMIT 1")
        [ -z "$pid" ] || break
        sleep 0.1
    done
    kill -9 "$pid"
    wait $! 2>/dev/null || true
    for _ in $(seq 100); do
        on_source --command="SELECT 1" >/dev/null 2>&1 && return
        sleep 0.1
    done
}
counters() { on_source --command="SELECT pg_stat_get_tuples_inserted('t'::regclass), pg_stat_get_tuples_updated('t'::regclass), pg_stat_get_tuples_deleted('t'::regclass)"; }
run() {
    local status=0
    "$tidemark" "$@" --chunk-size 64kB --whole-below 16kB --json || status=$?
    echo "$status" >"$SERVERS_DIR/status"
}
rows="SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM t"

# night NAME EVENT...: a migration with the event between precopy and cutover.
night() {
    name=$1
    shift
    psql --port="$source_port" --dbname=postgres --command="CREATE DATABASE $name"
    psql --port="$target_port" --dbname=postgres --command="CREATE DATABASE $name"
    export TIDEMARK_SOURCE="host=127.0.0.1 port=$source_port user=postgres dbname=$name"
    export TIDEMARK_TARGET="host=127.0.0.1 port=$target_port user=postgres dbname=$name"
    on_source --command="CREATE TABLE t (id int PRIMARY KEY, v text)" \
        --command="INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 3000) n" \
        --command="DELETE FROM t WHERE id > 2000" --command="VACUUM ANALYZE t"
    run precopy >/dev/null
    local before
    before=$(counters)
    "$@"
    if [ "$(counters)" = 0\|0\|0 ]; then
        on_source --command="INSERT INTO t SELECT 5000 + n, repeat('y', 100) FROM generate_series(1, 3000) n" \
            --command="DELETE FROM t WHERE id <= 1000"
        [ "$(counters)" = "$before" ] || echo "the counters are $(counters), not $before"
    fi
    run cutover --evidence counters >"$SERVERS_DIR/report.json"
    local same=differ
    [ "$(on_source --command="$rows")" != "$(psql --port="$target_port" --dbname="$name" --command="$rows")" ] || same="are the same"
    echo "$name: ended with $(cat "$SERVERS_DIR/status"), rows $same, $(python3 -c '
import json, sys
table = json.load(open(sys.argv[1]))["verification"]["tables"][0]
print("all" if table["countedRanges"] == table["ranges"] else table["countedRanges"], "ranges not read")' "$SERVERS_DIR/report.json")"
}
crash() { stop immediate; start; }
restart() { stop fast; start; }
night undisturbed true
night restarted restart
night crashed crash
night killed kill_backend
