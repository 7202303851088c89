#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs every end-to-end scenario in a process of its own, several at a time.
#
#   tests/e2e/run.sh [TAGS-OR-NAMES]     a Catch2 test specification, such as '[matrix]'
#
# Without one, all but '[exhaustive]': what `make matrix` runs beside a choice that is always run.
#
# JOBS            how many at a time              the number of processors
# HOLDFAST_E2E_TIMEOUT_SCALE                      factor on every time limit
#
# Prints one line per scenario, the whole log of one that failed, and at the end
# `e2e: N passed, N failed`.  Logs stay in build/e2e/logs/, a folder for each, and build/e2e/results has a line
# `ok SECONDS NAME` or `FAIL SECONDS NAME` for each.
# Ended early, it takes every guest along.

set -u
cd "$(dirname "$0")/../.."
build=${HOLDFAST_BUILD:-build}
tests=$build/tests/e2e
logs=$build/e2e/logs
results=$build/e2e/results
jobs=${JOBS:-$(nproc)}
seconds_each=$(awk -v scale="${HOLDFAST_E2E_TIMEOUT_SCALE:-1}" 'BEGIN { print int(900 * scale) }')

[ -x "$tests" ] || { echo "e2e: $tests is not built; \`make e2e\` builds it" >&2; exit 2; }

# A scenario's temporary files cannot clean up after themselves when it is killed.
TMPDIR=$(mktemp -d)
export TMPDIR

# Each scenario leads a process group, and each process in it dies with its parent
# (setpriv), so nothing stays even if this script is killed.
declare -A running=()
finish() {
  trap - EXIT INT TERM HUP
  for pid in "${!running[@]}"; do kill -KILL -- "-$pid" 2>/dev/null; done
  rm -rf "$TMPDIR"
}
trap finish EXIT
trap 'finish; exit 130' INT
trap 'finish; exit 143' TERM HUP

# Catch2's specifications give these characters a meaning.
escaped() { sed 's/[][\\,*"~]/\\&/g' <<<"$1"; }

folder_of() { printf '%s/%s' "$logs" "$(tr -cs 'A-Za-z0-9.' '-' <<<"$1" | sed 's/^-//; s/-$//')"; }

start() {
  local name=$1 folder
  folder=$(folder_of "$name")
  rm -rf "$folder"
  mkdir -p "$folder"
  HOLDFAST_E2E_LOGS=$folder setsid setpriv --pdeathsig KILL bash -c '
    setpriv --pdeathsig KILL timeout --kill-after=10 "$1" setpriv --pdeathsig KILL "$2" "$3"
    echo $? >"$HOLDFAST_E2E_LOGS/exit-code"' scenario "$seconds_each" "$tests" "$(escaped "$name")" \
    </dev/null >"$folder/test.log" 2>&1 &
  disown $!  # Its exit code comes in a file: bash loses some when several end at once.
  running[$!]=$name
  began[$!]=$(date +%s.%N)
}

# Waits for one to end and tells.
passed=0 failed=0
declare -A began=()
collect() {
  local pid code name seconds folder
  while :; do
    for pid in "${!running[@]}"; do kill -0 "$pid" 2>/dev/null || break 2; done
    sleep 0.1
  done
  name=${running[$pid]}
  seconds=$(awk -v from="${began[$pid]}" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f", to - from }')
  unset "running[$pid]" "began[$pid]"
  folder=$(folder_of "$name")
  code=$(cat "$folder/exit-code" 2>/dev/null) || code=killed
  # A name that matched nothing would pass.
  if [ $code = 0 ] && grep -q '^All tests passed' "$folder/test.log"; then
    passed=$((passed + 1))
    printf 'ok    %6s s  %s\n' "$seconds" "$name"
    printf 'ok %s %s\n' "$seconds" "$name" >>"$results"
    return
  fi
  failed=$((failed + 1))
  [ $code = 124 ] && echo "run.sh: ended after $seconds_each s" >>"$folder/test.log"
  printf 'FAIL  %6s s  %s\n' "$seconds" "$name"
  printf 'FAIL %s %s\n' "$seconds" "$name" >>"$results"
  sed 's/^/  | /' "$folder/test.log"
  printf '  | logs: %s\n' "$folder"
}

# With this option Catch2's exit code is the number of names.
mapfile -t names < <("$tests" --list-test-names-only "${@:-~[exhaustive]}")
[ ${#names[@]} != 0 ] || { echo "e2e: no scenario matches $*" >&2; exit 2; }

mkdir -p "$logs"
: >"$results"
for name in "${names[@]}"; do
  while [ ${#running[@]} -ge "$jobs" ]; do collect; done
  start "$name"
done
while [ ${#running[@]} != 0 ]; do collect; done

echo "e2e: $passed passed, $failed failed"
[ -x tests/summary.sh ] && [ "$build" = build ] && tests/summary.sh add e2e "$passed" "$failed"
[ "$failed" = 0 ]
