# Debian packages needed to build and test. Sourced by the scripts in scripts/ and Benchmarks/.

# need_packages [PACKAGE...]: installs what is missing, as root or with sudo; fails where neither is possible. Always includes
# the packages needed to build and run.
need_packages() {
    local missing=() package run=
    for package in libpq-dev libzstd-dev pkg-config postgresql zstd "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || run=sudo
    echo "Installing ${missing[*]}" >&2
    if [ -n "$run" ] && ! command -v sudo >/dev/null; then
        echo "error: Debian packages are missing, and installing them needs root or sudo: ${missing[*]}" >&2
        echo "HINT: apt-get install ${missing[*]}" >&2
        return 1
    fi
    $run env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
}

# newest_packages: upgrades the installed PostgreSQL packages to their newest minor version.
#
# Programs of a new version break the sessions of a server that still runs the old one (undefined symbol). Debian's package
# restarts its own clusters; no throwaway server may be running.
newest_packages() {
    local installed run=
    [ "$(id -u)" = 0 ] || run=sudo
    installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' 'postgresql*' 'libpq*' 2>/dev/null |
        awk '$1 == "installed" { print $2 }')
    $run env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    # shellcheck disable=SC2086 # one word per package
    $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --only-upgrade $installed >/dev/null
}

# need_swift: fails if Swift is missing; it is not a Debian package.
need_swift() {
    command -v swift >/dev/null && return 0
    echo "error: swift is not on PATH" >&2
    echo "HINT: install Swift 6.2 or newer from swift.org" >&2
    return 1
}
