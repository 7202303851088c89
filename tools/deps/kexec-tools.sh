#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds kexec-tools of one Debian suite, statically linked and with no source edited.
#
#   kexec-tools.sh SUITE stock          build/kexec-tools/SUITE/kexec-stock, with its own purgatory
#   kexec-tools.sh SUITE embed OBJECT [OUT]   OUT, by default build/kexec-tools/SUITE/kexec, with OBJECT in the
#                                       place of its own
#
# The second starts from the compiled tree of the first, so it only links again.

. "$(dirname "$0")/lib.sh"

suite=${1:?suite} action=${2:?stock or embed}
source_dir=$build/third_party/kexec-tools/$suite
dir=$build/kexec-tools/$suite
jobs=$(nproc)

[ -x "$source_dir/configure" ] || die "the source of kexec-tools in $suite is not unpacked: run make deps"
mkdir -p "$dir"
exec 8>"$dir/lock"
flock 8

# Runs make on the tree.  The caller's make has flags of its own that do not belong there.
make_tree() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u CXX -u CC make -C "$1" -j"$jobs" "${@:2}" build/sbin/kexec >>"$dir/$action.log" 2>&1; }

fail() {
  tail -5 "$dir/$action.log" >&2
  die "kexec-tools of $suite: $1 (log: build/kexec-tools/$suite/$action.log)"
}

stock() {
  rm -rf "$dir/stock"
  cp -a "$source_dir" "$dir/stock"
  (cd "$dir/stock" && env -u CXX -u CC ./configure LDFLAGS=-static --without-xen --without-lzma --without-zstd) >"$dir/stock.log" 2>&1 ||
    fail "configure failed"
  make_tree "$dir/stock" || fail "the build failed"
  cp "$dir/stock/build/sbin/kexec" "$dir/kexec-stock.new"
  mv "$dir/kexec-stock.new" "$dir/kexec-stock"
  cp "$source_dir.version" "$dir/version"
}

# Passes if the bytes of the symbol `purgatory` in BINARY are those of OBJECT.
check_embedded() {  # BINARY OBJECT
  local value size addr offset
  read -r value size < <(readelf -sW "$1" | awk '$8 == "purgatory" && $4 == "OBJECT" { print $2, $3; exit }')
  [ -n "${value:-}" ] || die "$1 has no symbol 'purgatory': kexec-tools of $suite embeds it in some other way"
  read -r addr offset < <(readelf -lW "$1" | awk -v at="$value" '
    function pad(h) { sub(/^0x/, "", h); h = "0000000000000000" h; return substr(h, length(h) - 15) }
    $1 == "LOAD" && pad($3) <= at { best = $3 " " $2 } END { print best }')
  offset=$((offset + 0x$value - addr))
  if [ $((size)) -ne "$(stat -c %s "$2")" ] || ! cmp -s -n "$((size))" -i "$offset:0" "$1" "$2"; then
    die "$1 does not hold the bytes of $2: the purgatory was not embedded"
  fi
}

embed() {
  local object=$1 out=${2:-$dir/kexec}
  [ -f "$object" ] || die "no object to embed: $object"
  : >"$dir/embed.log"
  if ! [ -d "$dir/ours" ] || [ "$dir/kexec-stock" -nt "$dir/ours/.copied" ]; then
    rm -rf "$dir/ours"
    cp -a "$dir/stock" "$dir/ours"
    touch "$dir/ours/.copied"
  fi
  # A copy, because a make without PURGATORY_OBJS= would link over it; a new time, so that make embeds it again.
  cp "$object" "$dir/ours/foreign.ro"
  rm -f "$dir/ours/kexec/purgatory.c" "$dir/ours/build/sbin/kexec"
  make_tree "$dir/ours" PURGATORY="$dir/ours/foreign.ro" PURGATORY_OBJS= || fail "embedding failed"
  check_embedded "$dir/ours/build/sbin/kexec" "$object"
  cp "$dir/ours/build/sbin/kexec" "$out.new"
  mv "$out.new" "$out"
}

case $action in
  stock) stock ;;
  embed) embed "${3:?object}" "${4:-}" ;;
  *) die "kexec-tools.sh: '$action' is neither stock nor embed" ;;
esac
