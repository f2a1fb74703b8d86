#!/usr/bin/env bash
# Installs PgBouncer and HAProxy for `npm run test:faults` where this machine lacks them and that can be done: as root, from Debian's packages.
# Ends well in any case: the suite says itself what is missing.
set -uo pipefail
export DEBIAN_FRONTEND=noninteractive

[ -x /usr/sbin/pgbouncer ] && [ -x /usr/sbin/haproxy ] && exit 0
[ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || exit 0
timeout 60 apt-get update -qq
options=(-qq -y --no-install-recommends -o DPkg::Lock::Timeout=60)
timeout 120 apt-get install "${options[@]}" --download-only pgbouncer haproxy >/dev/null &&
  apt-get install "${options[@]}" --no-download pgbouncer haproxy >/dev/null
exit 0
