#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Shows that layers.awk and spdx.sh report what they must, and let pass what they must.

here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
bad=0 cases=0

# FILE INCLUDE WORDS: a file with that one include gives a line with WORDS, or none if WORDS is empty.
expect() {
  local file=$1 include=$2 words=$3 out code
  mkdir -p "${file%/*}"
  printf '// SPDX-License-Identifier: BSD-2-Clause\n#include %s\n' "$include" >"$file"
  out=$(awk -f "$here/layers.awk" "$file"); code=$?
  cases=$((cases + 1))
  if [ -z "$words" ]; then
    [ $code = 0 ] && [ -z "$out" ] || { echo "layers: $file with $include must pass, but: $out"; bad=1; }
  else
    [ $code = 1 ] && [[ $out == "$file:2: "*"$words"* ]] || { echo "layers: $file with $include must be reported ($words), but: ${out:-nothing}"; bad=1; }
  fi
}

expect common/base/a.h       '<cstdint>'                     ''
expect common/base/a.h       '<vector>'                      'may not include <vector>'
expect common/base/a.h       '"common/mem/phys-range.h"'     'common/base may not include'
expect common/abi/a.h        '"common/base/stored-int.h"'    ''
expect common/abi/a.h        '"common/format/e820.h"'        'common/abi may not include'
expect common/mem/a.h        '"common/base/result.h"'        ''
expect common/mem/a.h        '"common/codec/sha256.h"'       'common/mem may not include'
expect common/codec/a.cc     '"common/base/result.h"'        ''
expect common/codec/a.cc     '"common/mem/phys-range.h"'     'common/codec may not include'
expect common/console/a.h    '"common/mem/phys-range.h"'     ''
expect common/console/a.h    '"common/format/e820.h"'        'common/console may not include'
expect common/format/a.cc    '"common/codec/sha256.h"'       ''
expect common/format/a.cc    '"common/plan/boot-plan.h"'     'common/format may not include'
expect common/plan/a.cc      '"common/format/e820.h"'        ''
expect common/plan/a.cc      '"common/arch/x86/io.h"'        'only shells'
expect common/arch/x86/a.h   '"common/codec/sha256.h"'       ''
expect common/arch/x86/a.cc  '"common/format/e820.h"'        'common/arch may not include'
expect common/plan/a.cc      '"purgatory/execute.h"'         'common/ may not include'
expect common/plan/a.cc      '"tests/support/range.h"'       'common/ may not include'
expect common/plan/a.cc      '"boot-plan.h"'                 'full path'
expect common/plan/a.cc      '"common/plan/../abi/x.h"'      'full path'
expect common/format/a.cc    '<libfdt.h>'                    'common/format/fdt.* only'
expect common/format/fdt.cc  '<libfdt.h>'                    ''
expect common/codec/a.cc     '<immintrin.h>'                 'sha256-ni'
expect common/base/a.h       '<cstring>'                     ''
expect common/plan/a.h       '<cstring>'                     'may not include <cstring>'
expect purgatory/a.cc        '"common/arch/x86/io.h"'        ''
expect purgatory/a.cc        '"purgatory/execute.h"'         ''
expect purgatory/a.cc        '"tools/mkhandover/digest.h"'   'purgatory/ may not include'
expect purgatory/a.cc        '"tests/support/range.h"'       'purgatory/ may not include'
expect tools/mkhandover/a.cc '"common/plan/boot-plan.h"'     ''
expect tools/mkhandover/a.cc '"common/arch/x86/io.h"'        'hosted code'
expect tools/mkhandover/a.cc '<openssl/evp.h>'               'tools/mkhandover/digest.* only'
expect tools/mkhandover/digest.cc '<openssl/evp.h>'          ''
expect tools/mkhandover/a.cc '<fmt/core.h>'                  ''
expect purgatory/a.cc        '<fmt/core.h>'                  'tools/mkhandover/* only'

mkdir -p attic && echo 'int x;' >attic/a.cc
cases=$((cases + 1))
out=$("$here/spdx.sh" "$dir") && { echo "spdx: a file without the line must be reported"; bad=1; }
[ "$out" = "attic/a.cc:1: the first line must be the SPDX line: SPDX-License-Identifier: BSD-2-Clause" ] || { echo "spdx: reported wrongly: $out"; bad=1; }

[ $bad = 0 ] && echo "layers and spdx: $cases cases as expected"
exit $bad
