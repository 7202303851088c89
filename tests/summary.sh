#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Counts what passed and failed over all suites of a test run.
#
#   summary.sh start                     forget the last run
#   summary.sh add SUITE PASSED FAILED   a suite that counts by itself
#   summary.sh run SUITE COMMAND...      run it; counts as one, unless it added its own figures
#   summary.sh catch SUITE BINARY...     run a Catch2 binary; counts its test cases
#   summary.sh failed SUITE...           after a failure: those that never got as far as running fail
#   summary.sh end                       print the table and `N passed, N failed`; fails if anything did
#
# `run` and `catch` pass on the exit code of what they ran.

set -u
file=$(cd "$(dirname "$0")/.." && pwd)/build/test-summary
mkdir -p "${file%/*}"
touch "$file"

add() { printf '%s %d %d\n' "$1" "$2" "$3" >>"$file"; }
lines_of() { awk -v suite="$1" '$1 == suite' "$file" | wc -l; }

case ${1:?a verb} in
  start) : >"$file" ;;
  add) add "$2" "$3" "$4" ;;
  run)
    suite=$2; shift 2
    before=$(lines_of "$suite")
    "$@"
    code=$?
    if [ "$(lines_of "$suite")" = "$before" ]; then
      if [ $code = 0 ]; then add "$suite" 1 0; else add "$suite" 0 1; fi
    elif [ $code != 0 ] && [ "$(awk -v suite="$suite" -v from="$before" '$1 == suite && ++n > from { bad += $3 } END { print bad + 0 }' "$file")" = 0 ]; then
      add "$suite" 0 1
    fi
    [ $code = 0 ] || printf '%s: failed\n' "$suite" >&2
    exit $code
    ;;
  catch)
    suite=$2; shift 2
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    "$@" 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    # "All tests passed (9 assertions in 3 test cases)" or "test cases: 3 | 2 passed | 1 failed"
    read -r passed failed < <(awk '
      /^All tests passed/ { for (i = 1; i < NF; i++) if ($(i + 1) == "test") pass = $i }
      /^test cases:/ { for (i = 1; i < NF; i++) { if ($(i + 1) == "passed") pass = $i; if ($(i + 1) == "failed") fail = $i } }
      END { print pass + 0, fail + 0 }' "$log")
    if [ "$code" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    if [ $((passed + failed)) = 0 ]; then failed=1; printf '%s: no test case ran\n' "$suite" >&2; [ "$code" != 0 ] || code=1; fi
    add "$suite" "$passed" "$failed"
    exit "$code"
    ;;
  failed)
    shift
    for suite; do
      if [ "$(awk -v suite="$suite" '$1 ~ "^" suite' "$file" | wc -l)" = 0 ]; then add "$suite" 0 1; fi
    done
    ;;
  end)
    awk '
      !($1 in seen) { seen[$1] = 1; order[++n] = $1 }
      { pass[$1] += $2; fail[$1] += $3; passed += $2; failed += $3 }
      END {
        print ""
        for (i = 1; i <= n; i++) printf "  %-14s %6d passed  %4d failed\n", order[i], pass[order[i]], fail[order[i]]
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0 || passed == 0
      }' "$file"
    ;;
  *) printf 'summary.sh: no verb %s\n' "$1" >&2; exit 2 ;;
esac
