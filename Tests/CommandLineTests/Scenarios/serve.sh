#!/usr/bin/env bash
# The page with a run's status: before a run, while it works, and when the target is gone; under hostile names.
#
#   serve.sh TIDEMARK        (from the repository's root)
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
hostile='<img onerror> &amp; <b>'
psql --port="$source_port" --command="CREATE DATABASE \"$hostile\""
psql --port="$target_port" --command='CREATE DATABASE shop'
psql --dbname="port=$source_port dbname='$hostile'" --command="
    CREATE TABLE t (id int PRIMARY KEY, v text);
    INSERT INTO t SELECT n, repeat('v', 500) FROM generate_series(1, 20000) n;
    ANALYZE"
export TIDEMARK_SOURCE="host=127.0.0.1 port=$source_port user=postgres dbname='$hostile'"
export TIDEMARK_TARGET="host=127.0.0.1 port=$target_port user=postgres dbname=shop"

"$tidemark" status --serve 127.0.0.1:0 >"$SERVERS_DIR/serving" 2>&1 &
server=$!
for ((i = 0; i < 100; i++)); do grep -q "until Ctrl-C" "$SERVERS_DIR/serving" && break || sleep 0.1; done
port=$(sed -n 's|.*http://127.0.0.1:\([0-9]*\)/.*|\1|p' "$SERVERS_DIR/serving")
# request METHOD PATH [HOST]: prints the answer, with its head.
request() {
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" "$2" "${3:-127.0.0.1:$port}" >&3
    tr -d '\r' <&3
    exec 3>&-
}
browser=$(command -v chromium || command -v chromium-browser || true)
# page: prints what a browser shows after it has run the page's script.
page() {
    [ -n "$browser" ] || return 0
    "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$SERVERS_DIR/browser" --virtual-time-budget=4000 \
        --dump-dom "http://127.0.0.1:$port/" 2>/dev/null
}

echo "browser: ${browser:-none}"
echo "before: $(request GET /status.txt | tail -1)"
echo "page before: $(page | grep -o '<h1.*</h1>')"
echo "policy: $(request GET / | grep -i '^content-security-policy')"
for refused in "GET / evil.example" "GET /status.json evil.example:$port" "POST /status.json" "GET /../etc/passwd"; do
    # shellcheck disable=SC2086
    echo "refused: $refused: $(request $refused | head -1)"
done
echo "second: $("$tidemark" status --serve "127.0.0.1:$port" 2>&1 || echo "exit $?")"

"$tidemark" precopy --quiet --max-rate 256kB --chunk-size 512kB >/dev/null &
run=$!
for ((i = 0; i < 100; i++)); do request GET /status.txt | grep -q 'copy and build' && break || sleep 0.2; done
echo "working: $(page | grep -o '<h1.*</h1>')"
echo "names: $(page | grep -o '&lt;img onerror&gt; &amp;amp; &lt;b&gt;' | head -1)"
"$tidemark" throttle --max-rate none >/dev/null
wait "$run"
sleep 1.5
echo "after: $(request GET /status.txt | grep '^Step')"
echo "json: $(request GET /status.json | grep -o '"step":"[a-z]*"')"
as_postgres "$bin/pg_ctl" --silent --pgdata="$SERVERS_DIR/target/data" --mode=immediate stop
sleep 1.5
echo "gone: $(page | grep -o 'id="trouble"[^<]*' | head -1)"
kill -INT "$server"
status=0
wait "$server" || status=$?
echo "serving ended with $status"
