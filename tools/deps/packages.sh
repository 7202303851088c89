#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Installs the Debian packages that are missing, and says which; touches nothing when all are there.

. "$(dirname "$0")/lib.sh"

command -v dpkg-query >/dev/null || die "this is not a Debian system: install what tools/deps/packages lists by hand"
mapfile -t wanted < <(sed 's/#.*//' "$here/packages" | tr -s ' \t' '\n\n' | sed '/^$/d')
mapfile -t missing < <(
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
    awk 'NR == FNR { if ($1 == "installed") have[$2] = 1; next } !($1 in have)' - <(printf '%s\n' "${wanted[@]}"))
[ "${#missing[@]}" -gt 0 ] || exit 0

sudo=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || die "as root, run: apt-get install --no-install-recommends ${missing[*]}"
  sudo=(sudo)
fi
say "installing Debian packages: ${missing[*]}"
take_lock
log=$build/packages.log
update() { "${sudo[@]}" apt-get -qq update; }
install() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"; }
retry update >"$log" 2>&1 || die "apt-get update failed (log: build/packages.log): check the network, then run make deps again"
retry install >>"$log" 2>&1 || {
  grep '^E: ' "$log" | tail -3 >&2 || true
  die "apt-get install failed (log: build/packages.log): install by hand: ${missing[*]}"
}
