#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# `make deps`: packages, kernels and sources, each only if it is not there yet.  REFRESH=1 asks for newer kernels.

set -euo pipefail
here=$(dirname "$0")
"$here/packages.sh"
"$here/kernels.sh"
if [ -n "${REFRESH:-}" ]; then "$here/kho-kernel.sh"; fi  # It is made when a test needs it.
"$here/sources.sh" all
