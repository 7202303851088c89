#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Unpacks Debian source packages, pinned in `pins`, below build/third_party/.
#
#   build/third_party/dtc/                   upstream's tarball, for libfdt
#   build/third_party/zstd/                  upstream's tarball, for the decoder
#   build/third_party/kexec-tools/SUITE/     the package with Debian's patches, its version in SUITE.version

. "$(dirname "$0")/lib.sh"

out=$build/third_party

# Prints `version sha256 file` lines of the pins for NAME in SUITE.
pinned() { awk -v name="$1" -v suite="$2" '$1 == name && $2 == suite { print $4, $5, $6 }' "$pins"; }

# What was unpacked is known by the pins it was unpacked from.
ready() { [ -f "$out/$1.pins" ] && [ "$(cat "$out/$1.pins")" = "$2" ] && [ -d "$out/$1" ]; }

listed_versions() {
  private_apt apt-cache madison "$1" | awk -F'|' -v suite="$2" '
    { gsub(/ /, "", $2); split($3, w, " "); sub(/\/.*/, "", w[2]); if (w[2] == suite && $3 ~ /Sources/) print $2 }'
}

fetch_file() {  # SUITE PACKAGE VERSION SHA256 FILE [OPTION...]
  local suite=$1 package=$2 version=$3 sum=$4 file=$5; shift 5
  if sha256_is "$sum" "$cache/$file"; then return; fi
  private_apt_update
  if ! listed_versions "$package" "$suite" | grep -qxF "$version"; then
    printf 'deps: %s\n' "$suite has $package $(listed_versions "$package" "$suite" | tail -1), the table tools/deps/pins has $version" >&2
    return 1
  fi
  say "fetching source package $package $version of $suite"
  cached_fetch "$file" "$sum" private_apt apt-get source --only-source --download-only "$@" "$package=$version"
}

# Unpacks upstream's tarball of a library, of the first suite in the pins whose file arrives.
library() {  # NAME PACKAGE
  local name=$1 package=$2 suite version sum file dir=$out/$1
  for suite in $(awk -v name="$name" '$1 == name { print $2 }' "$pins"); do
    if ready "$name" "$(pinned "$name" "$suite")"; then return; fi
  done
  take_lock
  for suite in $(awk -v name="$name" '$1 == name { print $2 }' "$pins"); do
    read -r version sum file < <(pinned "$name" "$suite")
    fetch_file "$suite" "$package" "$version" "$sum" "$file" --tar-only || continue
    rm -rf "$dir" "$dir.new"
    mkdir -p "$dir.new"
    tar -xf "$cache/$file" -C "$dir.new" --strip-components=1
    if declare -F "prepare_$name" >/dev/null; then "prepare_$name" "$dir.new"; fi
    mv "$dir.new" "$dir"
    pinned "$name" "$suite" >"$dir.pins"
    say "$package ${version%-*} is in build/third_party/$name"
    return
  done
  die "no pinned source of $package arrived: check the network, or put newer lines into tools/deps/pins"
}

# One C file of the decoder alone, by the library's own script.
prepare_zstd() {
  (cd "$1/build/single_file_libs" && ./create_single_file_decoder.sh) >"$1/decoder.log" 2>&1 &&
    [ -s "$1/build/single_file_libs/zstddeclib.c" ] || die "the script of libzstd made no decoder (log: $1/decoder.log)"
}

# Fetches every file of a package; `lines` are its pins.
fetch_package() {  # SUITE LINES
  local version sum file
  while read -r version sum file; do fetch_file "$1" kexec-tools "$version" "$sum" "$file" || return 1; done <<<"$2"
}

kexec_tools() {
  local suite=$1 record lines version sum file dir=$out/kexec-tools/$1
  lines=$(pinned kexec-tools "$suite")
  record=$cache/kexec-tools-$suite
  if [ "${lines%% *}" = - ]; then
    if [ -n "${REFRESH:-}" ] || ! [ -s "$record" ]; then
      if [ -z "${REFRESH:-}" ] && [ -d "$dir" ] && [ -f "$dir.version" ]; then return; fi
      take_lock
      private_apt_update
      version=$(listed_versions kexec-tools "$suite" | sort -V | tail -1)
      [ -n "$version" ] || die "$suite lists no source package kexec-tools: check this machine's apt sources"
      private_apt apt-get source --only-source --print-uris --download-only "kexec-tools=$version" |
        sed -n "s/^'[^']*' \([^ ]*\) [0-9]* SHA256:\([0-9a-f]*\).*/$version \2 \1/p" >"$record.new"
      mv "$record.new" "$record"
    fi
    lines=$(cat "$record")
  fi
  if ready "kexec-tools/$suite" "$lines"; then return; fi
  take_lock
  if grep -q '\.dsc$' <<<"$lines" && fetch_package "$suite" "$lines"; then
    rm -rf "$dir" "$dir.new" "$dir.files"
    mkdir -p "$dir.files"
    while read -r _ _ file; do ln -s "$cache/$file" "$dir.files/"; done <<<"$lines"
    dpkg-source --no-check --no-copy -x "$dir.files"/*.dsc "$dir.new" >"$dir.log" 2>&1 ||
      die "dpkg-source could not unpack kexec-tools of $suite (log: build/third_party/kexec-tools/$suite.log)"
    rm -rf "$dir.files"
  else
    # A mirror may be short of a file for a while.  Upstream's tarball is enough to build from.
    lines=$(grep '\.orig\.tar' <<<"$lines")
    read -r version sum file <<<"$lines"
    fetch_file "$suite" kexec-tools "$version" "$sum" "$file" --tar-only ||
      die "could not fetch kexec-tools $version of $suite: if the network is fine, put the new version's lines into tools/deps/pins, or run make deps REFRESH=1 if it is sid's"
    if [ -f "$record" ]; then echo "$lines" >"$record"; fi
    say "the package's own patches did not arrive: kexec-tools of $suite is upstream's ${version%-*}, unpatched"
    rm -rf "$dir" "$dir.new"
    mkdir -p "$dir.new"
    tar -xf "$cache/$file" -C "$dir.new" --strip-components=1
  fi
  mv "$dir.new" "$dir"
  version=${lines%% *}
  echo "$version" >"$dir.version"
  echo "$lines" >"$dir.pins"
  say "kexec-tools $version is in build/third_party/kexec-tools/$suite"
}

for name in "${@:-all}"; do
  case $name in
    dtc) library dtc device-tree-compiler ;;
    zstd) library zstd libzstd ;;
    kexec-tools-*) kexec_tools "${name#kexec-tools-}" ;;
    all) library dtc device-tree-compiler; library zstd libzstd; for suite in bookworm trixie sid; do kexec_tools "$suite"; done ;;
    *) die "no source named '$name': known are dtc, zstd, kexec-tools-bookworm, kexec-tools-trixie, kexec-tools-sid" ;;
  esac
done
