#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs fuzz targets for some seconds each, as many at once as there are cores, on copies of their corpora.

set -u
seconds=${1:?seconds}; shift
root=$(cd "$(dirname "$0")/../.." && pwd)
export seconds root work=$root/build/fuzz/run
rm -rf "$work"
mkdir -p "$work"

fuzz_one() {
  local name=${1##*/} dir=$work/${1##*/}
  mkdir -p "$dir/corpus" "$dir/found"
  if [ -d "$root/tests/data/fuzz/$name" ]; then cp -r "$root/tests/data/fuzz/$name/." "$dir/corpus/"; fi
  # A unit that takes 10 seconds is a finding: decoders have bounded loops.
  if timeout -k 10 $((seconds + 60)) "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
      -artifact_prefix="$dir/found/" "$dir/corpus" >"$dir/log" 2>&1; then
    printf '%s: %s, corpus of %d\n' "$name" "$(grep -o 'Done [0-9]* runs' "$dir/log" | tail -1)" "$(find "$dir/corpus" -type f | wc -l)"
    touch "$dir/passed"
  else
    printf '%s: a finding; input in build/fuzz/run/%s/found, log beside it:\n' "$name" "$name"
    grep -E 'ERROR|runtime error|SUMMARY|Test unit' "$dir/log" | head -8
  fi
}
export -f fuzz_one

if [ $# = 0 ]; then echo "fuzz: no targets below tests/fuzz"; exit 1; fi
printf '%s\0' "$@" | xargs -0 -n1 -P"$(nproc)" bash -c 'fuzz_one "$1"' _
passed=$(find "$work" -name passed | wc -l)
"$root/tests/summary.sh" add fuzz "$passed" $(($# - passed))
[ "$passed" = $# ]
