#!/usr/bin/env bash
# A server that is restarted in the middle of each phase of a precopy, a cutover, a dump and a restore.
#
#   restart.sh TIDEMARK        (from the repository's root)
#
# Prints how each command ended, and whether an independent check finds both sides equal.
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
port() { if [ "$1" = source ]; then echo "$source_port"; else echo "$target_port"; fi; }

# restart SIDE MODE: restarts the server, which is down for two seconds.
restart() {
    as_postgres "$bin/pg_ctl" --silent --mode="$2" --pgdata="$SERVERS_DIR/$1/data" stop
    sleep 2
    (cd "$SERVERS_DIR/$1" && as_postgres "$bin/pg_ctl" --silent --wait --pgdata="$SERVERS_DIR/$1/data" \
        --log="$SERVERS_DIR/$1/server.log" --options="-p $(port "$1") -k $SERVERS_DIR/$1 -c listen_addresses=127.0.0.1 -c fsync=off" start)
}

# make NAME: creates a database with a table that takes seconds to copy, and its empty target.
make() {
    psql --port="$source_port" --dbname=postgres --command="CREATE DATABASE $1"
    psql --port="$target_port" --dbname=postgres --command="CREATE DATABASE $1"
    psql --port="$source_port" --dbname="$1" --command="
        CREATE TABLE t (id int PRIMARY KEY, code int UNIQUE, v text);
        INSERT INTO t SELECT n, n, repeat(md5(n::text), 8) FROM generate_series(1, 60000) n;
        CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t, v text);
        INSERT INTO u SELECT n, n, repeat(md5(n::text), 4) FROM generate_series(1, 20000) n; CREATE INDEX ON u (v);
        ANALYZE"
}

# equal NAME: compares the tables' sorted rows.
equal() {
    local table rows
    for table in t u; do
        rows="SELECT md5(string_agg(x::text, ',' ORDER BY id)) FROM $table x"
        if [ "$(psql --port="$source_port" --dbname="$1" --command="$rows")" = "$(psql --port="$target_port" --dbname="$1" --command="$rows")" ]; then
            echo "  $table is equal"
        else
            echo "  $table DIFFERS"
        fi
    done
}

number=0
# attempt COMMAND PHASE SIDE MODE [LOCK [EARLIER]]: restarts a server in a phase. LOCK is taken on the target (by a dump,
# on the source) in this phase or an earlier one, so that the phase does not end before the restart.
attempt() {
    local name errors status=0 locker= locked=$target_port
    number=$((number + 1))
    name=r$number
    errors=$SERVERS_DIR/$name.errors
    make "$name"
    export TIDEMARK_SOURCE="host=127.0.0.1 port=$source_port user=postgres dbname=$name"
    export TIDEMARK_TARGET="host=127.0.0.1 port=$target_port user=postgres dbname=$name"
    options=(--chunk-size 64kB --whole-below 16kB)
    case $1 in
    dump)
        options+=(--archive "$SERVERS_DIR/$name.archive")
        locked=$source_port
        ;;
    restore)
        "$tidemark" dump "${options[@]}" --archive "$SERVERS_DIR/$name.archive" >/dev/null 2>&1
        options=(--archive "$SERVERS_DIR/$name.archive")
        ;;
    esac
    if [ "$1" = cutover ]; then
        "$tidemark" precopy "${options[@]}" >/dev/null 2>&1
        psql --port="$source_port" --dbname="$name" --command="UPDATE t SET v = 'new' WHERE id % 3 = 0; DELETE FROM u WHERE id % 50 = 0"
    fi
    : >"$errors"
    "$tidemark" "$1" "${options[@]}" >"$SERVERS_DIR/$name.output" 2>"$errors" &
    local command=$!
    if [ -n "${5:-}" ]; then
        until_told "$errors" "^..:..:.. [^ ]+ ${6:-$2}\$"
        psql --port="$locked" --dbname="$name" --command="BEGIN; LOCK TABLE $5; SELECT pg_sleep(100)" >/dev/null 2>&1 &
        locker=$!
    fi
    until_told "$errors" "^..:..:.. [^ ]+ $2\$"
    sleep 0.7
    restart "$3" "$4"
    if [ -n "$locker" ]; then
        [ "$(port "$3")" = "$locked" ] || psql --port="$target_port" --dbname="$name" --command="
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%' AND pid <> pg_backend_pid()" >/dev/null
        wait "$locker" || true
    fi
    wait "$command" || status=$?
    echo "$1, $3 restarted ($4) in '$2': ended with $status"
    if [ "$1" = dump ]; then
        "$tidemark" archive check --archive "$SERVERS_DIR/$name.archive" | tail -1
        "$tidemark" restore --archive "$SERVERS_DIR/$name.archive" >/dev/null 2>&1 || echo "  the archive DIFFERS"
    fi
    equal "$name"
    if [ "$status" != 0 ]; then cat "$errors" "$SERVERS_DIR/$name.output" >&2; fi
    cat "$errors" >>"$SERVERS_DIR/all.errors"
}

attempt precopy definitions target fast
attempt precopy definitions source fast
attempt precopy "copy and build" source fast
attempt precopy "copy and build" target immediate
# No key can be built while a writer's lock is held.
attempt precopy "copy and build" target immediate "u IN ROW EXCLUSIVE MODE"
attempt precopy "prove ahead" target fast "t IN ACCESS EXCLUSIVE MODE"
attempt cutover "delta and whole tables" source fast "t IN ACCESS EXCLUSIVE MODE"
attempt cutover "delta and whole tables" target fast "t IN ACCESS EXCLUSIVE MODE"
attempt cutover constraints target immediate "u IN ROW EXCLUSIVE MODE" "keys and indexes"
attempt cutover "verify definitions" source immediate "t IN ACCESS EXCLUSIVE MODE"
attempt cutover "verify definitions" target fast "t IN ACCESS EXCLUSIVE MODE"
attempt dump rows source fast "t IN ACCESS EXCLUSIVE MODE"
attempt restore rows target fast "t IN ACCESS EXCLUSIVE MODE"
attempt restore constraints target immediate "u IN ROW EXCLUSIVE MODE" "keys and indexes"
grep --only-matching --extended-regexp '(source|target) cannot be reached; trying again until ..:..:.. UTC|can be reached again|beginning again' \
    "$SERVERS_DIR/all.errors" | sed 's/..:..:..//' | sort -u
# The command does not wait for a server that was never reached.
start=$SECONDS
status=0
TIDEMARK_SOURCE="host=127.0.0.1 port=$(free_port) user=postgres dbname=none" "$tidemark" precopy >/dev/null 2>&1 || status=$?
if [ $((SECONDS - start)) -lt 5 ]; then echo "a server that was never reached: at once, $status"; fi
