#!/usr/bin/env bash
# A hot standby as the source while the primary is written: a standby's snapshot does not list transactions in flight.
#
#   standby.sh TIDEMARK        (from the repository's root)
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
psql --port="$target_port" --command='CREATE DATABASE shop'
psql --port="$primary_port" --dbname=shop --command="
    CREATE TABLE t (id serial PRIMARY KEY, v text);
    INSERT INTO t (v) SELECT repeat(md5(n::text), 4) FROM generate_series(1, 20000) n;
    ANALYZE"
standby_make standby "$primary_port"
standby_start standby "$standby_port"
# caught_up: waits until the standby has replayed everything from the primary.
caught_up() {
    local lsn
    lsn=$(psql --port="$primary_port" --dbname=shop --command='SELECT pg_current_wal_insert_lsn()')
    until [ "$(psql --port="$standby_port" --dbname=shop --command="SELECT pg_last_wal_replay_lsn() >= '$lsn'")" = t ]; do sleep 0.1; done
}

export TIDEMARK_SOURCE="host=127.0.0.1 port=$standby_port user=postgres dbname=shop"
export TIDEMARK_TARGET="host=127.0.0.1 port=$target_port user=postgres dbname=shop"
options=(--chunk-size 256kB --whole-below 8kB --quiet)
# Transactions in flight while the base is read, with and without a savepoint.
(
    echo "BEGIN; UPDATE t SET v = 'in flight' WHERE id % 1000 = 1; SAVEPOINT s; INSERT INTO t (v) VALUES ('sub'); RELEASE SAVEPOINT s;"
    while [ ! -e "$SERVERS_DIR/base-is-done" ]; do sleep 0.1; done
    echo "COMMIT;"
) | psql --port="$primary_port" --dbname=shop &
in_flight=$!
sleep 1
psql --port="$primary_port" --dbname=shop --command="INSERT INTO t (v) VALUES ('later, and committed')"
caught_up
"$tidemark" precopy "${options[@]}" >/dev/null
touch "$SERVERS_DIR/base-is-done"
wait "$in_flight"
psql --port="$primary_port" --dbname=shop --command="DELETE FROM t WHERE id % 777 = 0"
caught_up

status=0
"$tidemark" cutover "${options[@]}" || status=$?
echo "cutover ended with $status"
status=0
TIDEMARK_SOURCE="host=127.0.0.1 port=$primary_port user=postgres dbname=shop" "$tidemark" verify --quiet || status=$?
echo "verification with the primary ended with $status"
rows="SELECT md5(string_agg(x::text, ',' ORDER BY id)) FROM t x"
if [ "$(psql --port="$primary_port" --dbname=shop --command="$rows")" = "$(psql --port="$target_port" --dbname=shop --command="$rows")" ]; then
    echo "t is equal"
fi
psql --port="$target_port" --dbname=shop --command="INSERT INTO t (v) VALUES ('next') RETURNING 'the next INSERT works'"
