#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# `make deps`: packages, kernels and sources, each only if it is not there yet.  REFRESH=1 asks for newer kernels.

set -euo pipefail
here=$(dirname "$0")
"$here/packages.sh"
"$here/kernels.sh"
"$here/kho-kernel.sh" fetch
"$here/sources.sh" all
