# What Debian has to have before anything can be built or tested: sourced by the scripts beside it.

# need_packages [PACKAGE...]: installs what is missing, as root or by sudo; says so where neither is possible. What building
# and running takes is always among them.
need_packages() {
    local missing=() package run=
    for package in libpq-dev libzstd-dev pkg-config postgresql zstd "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || run=sudo
    echo "Installing ${missing[*]}" >&2
    if [ -n "$run" ] && ! command -v sudo >/dev/null; then
        echo "error: these Debian packages are missing and this is not root: ${missing[*]}" >&2
        echo "HINT: apt-get install ${missing[*]}" >&2
        return 1
    fi
    $run env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
}

# need_swift: Swift is not a Debian package.
need_swift() {
    command -v swift >/dev/null && return 0
    echo "error: swift is not on PATH" >&2
    echo "HINT: install Swift 6.2 or newer from swift.org" >&2
    return 1
}
