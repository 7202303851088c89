# SPDX-License-Identifier: BSD-2-Clause
# What the tests of the command line share; to be sourced.

set -u
tool=$(realpath "${MKHANDOVER:-build/mkhandover}")
golden=$PWD/tests/golden
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here" || exit 2
unset LC_ALL LC_CTYPE LANG NO_COLOR
checks=0
failures=0

fail() { failures=$((failures + 1)); printf 'not ok: %s\n' "$1"; }

# expect STATUS ARGUMENTS...: runs the tool, keeps both outputs in out and err.
expect() {
  local status=$1 got
  shift
  checks=$((checks + 1))
  what="mkhandover $*"
  "$tool" "$@" >out 2>err </dev/null
  got=$?
  [ "$got" = "$status" ] || { fail "$what: status $got, not $status"; cat err; }
}
# The whole of standard output, or of standard error.
says() { [ "$(cat out)" = "$1" ] || { fail "$what: printed"; diff <(echo "$1") out; }; }
complains() { [ "$(cat err)" = "$1" ] || { fail "$what: complained"; diff <(echo "$1") err; }; }
silent() { [ ! -s "$1" ] || { fail "$what: $1 is not empty"; cat "$1"; }; }
same_as() {
  if [ -n "${UPDATE:-}" ]; then cp out "$golden/$1"; return; fi
  diff -u "$golden/$1" out || fail "$what: differs from tests/golden/$1"
}
same() { cmp "$1" "$2" || fail "$what: $1 and $2 differ"; }
is_json() { python3 -m json.tool <out >/dev/null || fail "$what: no JSON"; }
# One value out of the JSON object: has '["slot"]["count"]' 875
has() {
  local got
  got=$(python3 -c "import json,sys; print(json.load(sys.stdin)$1)" <out)
  [ "$got" = "$2" ] || fail "$what: $1 is $got, not $2"
}
