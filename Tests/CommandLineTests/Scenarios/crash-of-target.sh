#!/usr/bin/env bash
# A target that crashes days ahead and again after the cutover: unlogged tables are empty each time.
#
#   crash-of-target.sh TIDEMARK        (from the repository's root)
#
# Prints how the commands ended and how many rows the target has.
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
psql --port="$source_port" --command='CREATE DATABASE shop'
psql --port="$target_port" --command='CREATE DATABASE shop'
psql --port="$source_port" --dbname=shop --command="
    CREATE TABLE logged (id int PRIMARY KEY, v text);
    INSERT INTO logged SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n;
    CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY, code int UNIQUE, v text);
    INSERT INTO fleeting SELECT n, n, repeat('y', 100) FROM generate_series(1, 5000) n;
    CREATE UNLOGGED TABLE small (id serial, v text); INSERT INTO small (v) SELECT 'z' FROM generate_series(1, 50);
    CREATE FUNCTION bark() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''fired''; END';
    CREATE TRIGGER barks BEFORE INSERT ON fleeting FOR EACH ROW EXECUTE FUNCTION bark();
    ALTER TABLE fleeting ENABLE ALWAYS TRIGGER barks;
    ANALYZE"
crash() {
    as_postgres "$bin/pg_ctl" --silent --mode=immediate --pgdata="$SERVERS_DIR/target/data" stop
    (cd "$SERVERS_DIR/target" && as_postgres "$bin/pg_ctl" --silent --wait --pgdata="$SERVERS_DIR/target/data" \
        --log="$SERVERS_DIR/target/server.log" --options="-p $target_port -k $SERVERS_DIR/target -c listen_addresses=127.0.0.1" start)
}
rows() { psql --port="$target_port" --dbname=shop --command="SELECT '$1', (SELECT count(*) FROM logged), (SELECT count(*) FROM fleeting), (SELECT count(*) FROM small)"; }
run() {
    local status=0
    "$tidemark" "$@" --chunk-size 64kB --whole-below 16kB >/dev/null || status=$?
    echo "$1 ended with $status"
}
export TIDEMARK_SOURCE="host=127.0.0.1 port=$source_port user=postgres dbname=shop"
export TIDEMARK_TARGET="host=127.0.0.1 port=$target_port user=postgres dbname=shop"
run precopy
rows base
crash
rows crashed
run precopy
rows again
run cutover
rows night
crash
rows "crashed after the night"
run verify
run cutover
rows repaired
psql --port="$target_port" --dbname=shop --command="SELECT 'trigger', tgenabled FROM pg_trigger WHERE tgname = 'barks'"
