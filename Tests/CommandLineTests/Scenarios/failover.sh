#!/usr/bin/env bash
# A source that fails over between base and cutover to a standby that lagged behind.
#
#   failover.sh TIDEMARK        (from the repository's root)
#
# The marks then belong to a lost history: rows that the target has were lost on the source, and their transaction ids
# are used again for other rows. Prints how the cutover ended, and whether an independent check finds both sides equal.
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
    CREATE TABLE t (id int PRIMARY KEY, v text);
    INSERT INTO t SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 20000) n;
    CREATE TABLE u (id int PRIMARY KEY, code int UNIQUE, v text);
    INSERT INTO u SELECT n, n, repeat('u', 100) FROM generate_series(1, 5000) n;
    ANALYZE"

# The standby gets everything up to here and nothing after it.
standby_make standby "$primary_port"

export TIDEMARK_TARGET="host=127.0.0.1 port=$target_port user=postgres dbname=shop"
options=(--chunk-size 256kB --whole-below 8kB --quiet)
psql --port="$primary_port" --dbname=shop --command="
    INSERT INTO t SELECT n, 'lost with the primary' FROM generate_series(30001, 30050) n;
    UPDATE t SET v = 'lost update' WHERE id % 1000 = 0;
    DELETE FROM t WHERE id BETWEEN 500 AND 510;
    UPDATE u SET code = -code WHERE id % 500 = 0"
TIDEMARK_SOURCE="host=127.0.0.1 port=$primary_port user=postgres dbname=shop" "$tidemark" precopy "${options[@]}" >/dev/null

as_postgres "$bin/pg_ctl" --silent --mode=immediate --pgdata="$SERVERS_DIR/primary/data" stop
standby_start standby "$standby_port"
as_postgres "$bin/pg_ctl" --silent --wait --pgdata="$SERVERS_DIR/standby/data" promote
# The same transaction ids are used again, for other rows.
for n in 1 2 3 4 5 6; do
    psql --port="$standby_port" --dbname=shop --command="
        INSERT INTO t VALUES (40000 + $n, 'after the failover'); UPDATE t SET v = 'new primary' WHERE id = 7000 + $n;
        UPDATE u SET code = 100000 + $n WHERE id = $n"
done

export TIDEMARK_SOURCE="host=127.0.0.1 port=$standby_port user=postgres dbname=shop"
status=0
"$tidemark" cutover "${options[@]}" || status=$?
echo "cutover ended with $status"
for table in t u; do
    rows="SELECT md5(string_agg(x::text, ',' ORDER BY x::text COLLATE \"C\")) FROM $table x"
    if [ "$(psql --port="$standby_port" --dbname=shop --command="$rows")" = "$(psql --port="$target_port" --dbname=shop --command="$rows")" ]; then
        echo "$table is equal"
    fi
done
