#!/usr/bin/env bash
# Installs the Debian packages of the named sets that are missing, without a name those of all sets
# but soak. Does nothing, and needs no rights, when nothing is missing. No service is started or
# enabled: packages like nginx are wanted for their programs only.
set -euo pipefail

declare -A packages=(
    [build]="gcc libc6-dev binutils meson ninja-build pkg-config python3 ca-certificates
        libssl-dev libyaml-dev libjansson-dev libc-ares-dev libseccomp-dev libsqlite3-dev zlib1g-dev
        libbrotli-dev libzstd-dev libnghttp2-dev libexpat1-dev libcrypt-dev
        libcmocka-dev"
    [demo]="python3-django gunicorn curl procps"
    [test]="python3-pytest python3-boto3 awscli s3cmd rclone nodejs npm curl openssl nghttp2-client
        apache2-utils brotli zstd
        nginx-light python3-websockets pebble libnss3-tools python3-h2 python3-grpcio git"
    [lint]="clang clang-format clang-tidy llvm libclang-rt-14-dev mandoc node-llhttp"
    [bench]="nginx-light haproxy wrk nghttp2-client openssl util-linux git squid tinyproxy linux-perf curl"
    [soak]="testssl.sh chromium libnss3-tools nodejs npm"
)
order=(build demo test lint bench)
services=(nginx haproxy squid tinyproxy)

# Packages of Node's makers bring npm along, and Debian's npm cannot stand beside them.
is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ||
        { [ "$1" = npm ] && command -v npm >/dev/null; }
}

missing=()
for set in "${@:-${order[@]}}"; do
    if [ -z "${packages[$set]:-}" ]; then
        echo "setup: there is no set '$set'; there are: ${order[*]}" >&2
        exit 2
    fi
    for package in ${packages[$set]}; do
        is_installed "$package" || missing+=("$package")
    done
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: packages are missing and this is neither root nor is there sudo. As root:" >&2
        echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# invoke-rc.d asks policy-rc.d whether a maintainer script may start a service; 101 is no.
policy=/usr/sbin/policy-rc.d
kept=$policy.before-weir-setup
restore_policy() {
    if [ -e "$kept" ]; then
        "${as_root[@]}" mv -f "$kept" "$policy"
    else
        "${as_root[@]}" rm -f "$policy"
    fi
}
newly_installed_services() {
    local service
    for service in "${services[@]}"; do
        [ -e "/lib/systemd/system/$service.service" ] || echo "$service"
    done
}

echo "setup: installing ${missing[*]}" >&2
absent_before=$(newly_installed_services)
[ ! -e "$policy" ] || [ -e "$kept" ] || "${as_root[@]}" mv "$policy" "$kept"
trap restore_policy EXIT
printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
"${as_root[@]}" chmod 755 "$policy"

"${as_root[@]}" apt-get update -q >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}" >&2

# A package that came with this run must not start at the next boot either.
if command -v systemctl >/dev/null; then
    for service in $absent_before; do
        [ ! -e "/lib/systemd/system/$service.service" ] ||
            "${as_root[@]}" systemctl disable --quiet "$service" 2>/dev/null || true
    done
fi
