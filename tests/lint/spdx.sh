#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Reports source files that do not begin with their licence line (scripts: after the #! line).

cd "${1:-$(dirname "$0")/../..}" || exit 2
find . -path ./build -prune -o -path ./.git -prune -o -type f \( \
  -name '*.cc' -o -name '*.h' -o -name '*.S' -o -name '*.ld' -o -name '*.awk' -o -name '*.sh' -o -name Makefile -o -path './.ci/*' \) -print |
  sort | while read -r file; do
    case $file in
      *.cc | *.h) want='^// SPDX-License-Identifier: BSD-2-Clause$' ;;
      *) want='^(//|#|/\*) SPDX-License-Identifier: BSD-2-Clause( \*/)?$' ;;
    esac
    line=$(awk 'NR == 1 && /^#!/ { next } { print; exit }' "$file")
    [[ $line =~ $want ]] || echo "${file#./}:1: the first line must be the SPDX line: SPDX-License-Identifier: BSD-2-Clause"
  done | { ! grep .; }
