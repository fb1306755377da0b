#!/usr/bin/env bash
# Installs a package into a clean Debian, with the commands of the Dockerfile, and runs the demo's migration from there.
#
#   scripts/lib/try-package.sh DEB        (as root)
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib/packages.sh
deb=$(realpath "$1")
[ "$(id -u)" = 0 ] || { echo "error: a clean Debian is made by root" >&2; exit 1; }
need_packages debootstrap

release=$(. /etc/os-release && echo "$VERSION_CODENAME")
# Once made, it is kept: the packages of a minimal system.
clean=.build/clean-$release.tar
if [ ! -e "$clean" ]; then
    base=$(mktemp -d)
    debootstrap --variant=minbase "$release" "$base" >/dev/null
    tar --create --file="$clean.part" --directory="$base" .
    mv "$clean.part" "$clean"
    rm -r "$base"
fi
root=$(mktemp -d)
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf "$root"' EXIT
tar --extract --file="$clean" --directory="$root"
# Another user runs the program.
chmod 755 "$root"
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -e /etc/apt/apt.conf.d ] || find /etc/apt/apt.conf.d -name '*proxy*' -exec cp {} "$root/etc/apt/apt.conf.d/" \;
cp /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null || true
cp -r /etc/apt/sources.list.d/. "$root/etc/apt/sources.list.d/" 2>/dev/null || true
mount -t proc proc "$root/proc"
cp "$deb" "$root/tmp/tidemark.deb"
# The layers of the image: what its RUN lines do.
sed -n '/^RUN /,/[^\\]$/p' docs/deploy/Dockerfile | sed 's/^RUN //' >"$root/tmp/layers.sh"
chroot "$root" sh -e /tmp/layers.sh >"$root/tmp/layers.log" 2>&1 || { tail -20 "$root/tmp/layers.log" >&2; exit 1; }
echo "Installed: $(chroot "$root" dpkg-query --show --showformat='${Package} ${Version}' tidemark), $(chroot "$root" dpkg-query --show | wc -l) packages in all"
chroot "$root" tidemark --version
chroot "$root" sh -c 'tidemark --help >/dev/null && gzip -dc /usr/share/man/man1/tidemark.cutover.1.gz | head -3'
program=$(mktemp)
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf "$root" "$program"' EXIT
# The user of the image, as in its USER line.
user=$(sed -n 's/^USER //p' docs/deploy/Dockerfile)
printf '#!/bin/sh\nexec chroot --userspec=%s %s /usr/bin/tidemark "$@"\n' "$user" "$root" >"$program"
chmod +x "$program"
TIDEMARK=$program scripts/demo --rows 100000
