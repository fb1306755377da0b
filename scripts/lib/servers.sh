# Throwaway PostgreSQL servers. Sourced by scripts, not run on its own.
#
# Everything is in one temporary folder, which is removed when the script ends in any way but SIGKILL.

SERVERS_DIR=

# pg_bin: prints the folder of the newest installed server's programs, or PG_BIN if set.
pg_bin() {
    if [ -n "${PG_BIN:-}" ]; then
        echo "$PG_BIN"
    else
        local newest
        newest=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort -V | tail -n 1)
        echo "$newest/bin"
    fi
}

# pg_with_extensions BIN FOLDER: prints a folder of programs like those in BIN, of a server that also has the extensions in
# FOLDER. Adds nothing to the installation. If that is not laid out like Debian's, prints BIN.
pg_with_extensions() {
    local bin=$1 folder=$2 major root file
    major=$(basename "$(dirname "$bin")")
    if [ "$bin" != "/usr/lib/postgresql/$major/bin" ]; then
        echo "$bin"
        return
    fi
    root=$SERVERS_DIR/with-extensions
    if [ ! -d "$root" ]; then
        mkdir -p "$root/lib/postgresql/$major" "$root/share/postgresql/$major/extension"
        # A server looks for its files relative to the real path of its program.
        cp -r "$bin" "$root/lib/postgresql/$major/bin"
        ln -s "/usr/lib/postgresql/$major/lib" "$root/lib/postgresql/$major/lib"
        for file in "/usr/share/postgresql/$major"/*; do
            if [ "${file##*/}" != extension ]; then ln -s "$file" "$root/share/postgresql/$major/"; fi
        done
        ln -s "/usr/share/postgresql/$major/extension"/* "$root/share/postgresql/$major/extension/"
        cp "$folder"/* "$root/share/postgresql/$major/extension/"
        chmod -R a+rX "$root"
    fi
    echo "$root/lib/postgresql/$major/bin"
}

# as_postgres COMMAND...: runs it as the user postgres if this is root, because PostgreSQL refuses to run as root.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
    else
        "$@"
    fi
}

# free_port: prints a free TCP port of the loopback interface, below the range of outgoing connections.
free_port() {
    local port
    while :; do
        port=$((10000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# servers_begin: creates the folder, and sets the traps that stop the servers and remove it.
servers_begin() {
    local base=/dev/shm
    servers_sweep "$base" "${TMPDIR:-/tmp}"
    # Memory makes tests fast. On disk: with SERVERS_ON_DISK=1, or with less than 8 GB of available memory.
    [ "${SERVERS_ON_DISK:-}" = 1 ] || [ ! -w "$base" ] || ! memory_spares 8 && base=${TMPDIR:-/tmp}
    SERVERS_DIR=$(mktemp -d "$base/tidemark-servers-XXXXXX")
    chmod 755 "$SERVERS_DIR"
    echo $$ >"$SERVERS_DIR/owner"
    trap servers_end EXIT
    trap 'exit 130' INT TERM HUP
}

servers_end() {
    servers_remove "$SERVERS_DIR"
}

# servers_remove FOLDER: stops the servers in it and removes it.
servers_remove() {
    local data
    for data in "$1"/*/data; do
        if [ -f "$data/postmaster.pid" ]; then
            as_postgres "$(pg_bin)/pg_ctl" --silent --mode=immediate --pgdata="$data" stop || true
        fi
    done
    rm -rf "$1"
}

# servers_sweep FOLDER...: removes what killed scripts left there, which would use up memory.
servers_sweep() {
    local base left owner
    for base in "$@"; do
        for left in "$base"/tidemark-servers-*; do
            if [ -O "$left" ] && owner=$(cat "$left/owner" 2>/dev/null) && ! kill -0 "$owner" 2>/dev/null; then
                servers_remove "$left" >/dev/null 2>&1
            fi
        done
    done
}

# memory_spares GIGABYTES: succeeds if at least that much memory is available.
memory_spares() {
    [ "$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo 2>/dev/null || echo 0)" -ge "$1" ]
}

# server_start NAME PORT [SETTING=VALUE...]: starts a server with the superuser postgres on the loopback interface.
server_start() {
    local name=$1 port=$2 bin dir setting options
    shift 2
    bin=$(pg_bin)
    dir=$SERVERS_DIR/$name
    options="-p $port -k $dir -c listen_addresses=127.0.0.1"
    for setting in fsync=off max_connections=100 shared_buffers=256MB max_wal_size=1GB max_prepared_transactions=10 "$@"; do
        options="$options -c $setting"
    done
    mkdir "$dir"
    if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
    as_postgres "$bin/initdb" --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
        --pgdata="$dir/data" >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; return 1; }
    # Transaction ids beyond 2^32, as on an old and busy server, to find code that compares 32-bit with 64-bit ids.
    if [ -n "${SERVER_EPOCH:-}" ]; then as_postgres "$bin/pg_resetwal" --epoch="$SERVER_EPOCH" "$dir/data" >/dev/null; fi
    if ! (cd "$dir" && as_postgres "$bin/pg_ctl" --silent --wait --timeout=60 --pgdata="$dir/data" --log="$dir/server.log" \
        --options="$options" start); then
        cat "$dir/server.log" >&2
        return 1
    fi
}

# standby_make NAME PRIMARY_PORT: creates a standby of a running server.
standby_make() {
    local dir=$SERVERS_DIR/$1
    mkdir "$dir"
    if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
    as_postgres "$(pg_bin)/pg_basebackup" --host=127.0.0.1 --port="$2" --username=postgres --write-recovery-conf \
        --checkpoint=fast --pgdata="$dir/data"
}

# standby_start NAME PORT: starts it. Its limits must not be lower than the primary's.
standby_start() {
    local dir=$SERVERS_DIR/$1
    (cd "$dir" && as_postgres "$(pg_bin)/pg_ctl" --silent --wait --pgdata="$dir/data" --log="$dir/server.log" \
        --options="-p $2 -k $dir -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=100 \
            -c max_prepared_transactions=10" start)
}

# until_told FILE PATTERN: waits until a command has printed the pattern into the file, up to 130 seconds.
until_told() {
    for _ in $(seq 2600); do
        if grep --quiet --extended-regexp "$2" "$1"; then return; fi
        sleep 0.05
    done
    echo "never told: $2"
}
