#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs the demo.  However it ends, no guest and no temporary file stays.
#
# ACCEL                        QEMU's accelerator, such as kvm        tcg
# HOLDFAST_E2E_TIMEOUT_SCALE   factor on every time limit             1
#
# The guests' logs stay in build/demo/.

set -u
cd "$(dirname "$0")/../.."
build=${HOLDFAST_BUILD:-build}
demo=$build/tests/demo
[ -x "$demo" ] || { echo "demo: $demo is not built; \`make demo\` builds it" >&2; exit 2; }

TMPDIR=$(mktemp -d)
export TMPDIR HOLDFAST_E2E_LOGS=$build/demo
mkdir -p "$HOLDFAST_E2E_LOGS"

setpriv --pdeathsig KILL "$demo" </dev/null &
pid=$!
finish() {
  trap - EXIT INT TERM HUP
  kill -KILL "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  rm -rf "$TMPDIR"
}
trap finish EXIT
trap 'finish; exit 130' INT
trap 'finish; exit 143' TERM HUP
wait "$pid"
