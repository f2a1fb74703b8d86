#!/usr/bin/env bash
# Installs what `npm run test:django` needs and this machine lacks, where that can be done: as root, from Debian's packages.
# Ends well in any case: the suite says itself what is missing.
set -uo pipefail
export DEBIAN_FRONTEND=noninteractive
django=(python3-django python3-djangorestframework python3-psycopg2 python3-argon2 python3-bcrypt gunicorn)
browser=(chromium)
# For the blocks of docs/, besides a Django.
pages=(postgresql-client nginx pgbouncer openssl)

lacks() {
  local states
  states=$(dpkg-query --show --showformat='${db:Status-Status}\n' "$@" 2>&1)
  grep -qv '^installed$' <<<"$states"
}

# Fetched in time, or not installed at all: what needs no network any more is not cut off half-way.
fetch_and_install() {
  local options=(-qq -y --no-install-recommends -o DPkg::Lock::Timeout=60)
  timeout 240 apt-get install "${options[@]}" --download-only "$@" &&
    apt-get install "${options[@]}" --no-download "$@"
}

[ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || exit 0
lacks "${django[@]}" "${browser[@]}" "${pages[@]}" || exit 0
# Servers are started by the tests alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  install -m 755 /dev/stdin "$policy" <<<$'#!/bin/sh\nexit 101'
fi
timeout 60 apt-get update -qq
# By themselves, since the browser is large, and only some of the tests want one.
if lacks "${django[@]}"; then fetch_and_install "${django[@]}"; fi >/dev/null
if lacks "${pages[@]}"; then fetch_and_install "${pages[@]}"; fi >/dev/null
if lacks "${browser[@]}"; then fetch_and_install "${browser[@]}"; fi >/dev/null
exit 0
