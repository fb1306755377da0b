#!/usr/bin/env bash
# A target whose disk for the write-ahead log is full: the server ends itself in the middle of a run.
#
#   full-log.sh TIDEMARK        (from the repository's root, as root: it mounts a small file system)
#
# Prints how the commands ended, before and after there was room again.
set -euo pipefail
tidemark=$1
. scripts/lib/servers.sh

servers_begin
bin=$(pg_bin)
source_port=$(free_port)
target_port=$(free_port)
server_start source "$source_port"
server_start target "$target_port"
data=$SERVERS_DIR/target/data
small=$SERVERS_DIR/small
mkdir "$small"
start() {
    (cd "$SERVERS_DIR/target" && as_postgres "$bin/pg_ctl" --silent --wait --pgdata="$data" --log="$SERVERS_DIR/target/server.log" \
        --options="-p $target_port -k $SERVERS_DIR/target -c listen_addresses=127.0.0.1 -c fsync=off -c max_wal_size=64MB" start)
}
stop() { as_postgres "$bin/pg_ctl" --silent --mode=immediate --pgdata="$data" stop || true; }
trap 'stop; umount --lazy "$small"; servers_end' EXIT
psql() { "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host=127.0.0.1 --username=postgres "$@"; }

psql --port="$source_port" --command='CREATE DATABASE shop'
psql --port="$target_port" --command='CREATE DATABASE shop'
psql --port="$source_port" --dbname=shop --command="
    CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE, v text);
    INSERT INTO t SELECT n, n, repeat(md5(n::text), 40) FROM generate_series(1, 60000) n; CREATE INDEX ON t (v); ANALYZE"
# A slot keeps the log from being removed, as one of a vanished replica does.
psql --port="$target_port" --command="SELECT pg_create_physical_replication_slot('vanished', true)" >/dev/null
stop
mount -t tmpfs -o size=80m,mode=700,uid="$(id -u postgres)",gid="$(id -g postgres)" tmpfs "$small"
as_postgres cp -r "$data/pg_wal" "$small/"
rm -rf "$data/pg_wal"
ln -s "$small/pg_wal" "$data/pg_wal"
start

export TIDEMARK_SOURCE="host=127.0.0.1 port=$source_port user=postgres dbname=shop"
export TIDEMARK_TARGET="host=127.0.0.1 port=$target_port user=postgres dbname=shop"
run() {
    local status=0
    "$tidemark" "$@" --chunk-size 256kB --whole-below 16kB >"$SERVERS_DIR/output" 2>"$SERVERS_DIR/errors" || status=$?
    echo "$1 ended with $status"
}
run precopy
grep --only-matching 'No space left on device\|trying again until\|cannot be reached' "$SERVERS_DIR/errors" "$SERVERS_DIR/target/server.log" |
    sort -u | sed 's|.*/||'
stop
mount -o remount,size=900m "$small"
start
run precopy
psql --port="$source_port" --dbname=shop --command="UPDATE t SET v = 'new' WHERE id % 7 = 0"
run cutover
cat "$SERVERS_DIR/errors" >&2
