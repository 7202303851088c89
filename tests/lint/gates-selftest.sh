#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Feeds gates.sh a good object, and one with each fault it is there to catch.

here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0 cases=0

# A purgatory that does nothing, with every symbol; macros spoil one thing each.
cat >"$dir/good.S" <<'END'
#ifndef TEXT
#define TEXT .text
#endif
#ifndef WRITTEN
#define WRITTEN .data
#endif
.macro object name, size
  .globl \name
  .type \name, @object
  .size \name, \size
\name: .skip \size
.endm
TEXT
#ifdef LATE_ENTRY
  nop
#endif
.globl purgatory_start
.type purgatory_start, @function
purgatory_start:
#ifdef BODY
  BODY
#endif
  jmp purgatory_start
.globl _ZN8holdfast8Sha256NiEv
_ZN8holdfast8Sha256NiEv:
  pxor %xmm0, %xmm0
  ret
#ifdef EXTRA
  EXTRA
#endif
WRITTEN
#ifndef NO_REGS
object entry64_regs, 136
#endif
object cmdline_end, 8
object sha256_regions, 256
#ifdef SHORT_DIGEST
object sha256_digest, 28
#else
object sha256_digest, 32
#endif
object skip_checks, 4
object reset_vga, 1
object serial_base, 2
object serial_baud, 4
object console_vga, 1
object console_serial, 1
object backup_src_start, 8
object backup_src_size, 8
object backup_start, 8
object panic_kernel, 1
object purgatory_sha_regions, 256
object purgatory_sha256_digest, 32
#ifdef WEAK_STACK
.weak stack_end
#else
.globl stack_end
#endif
stack_end:
END

# WORDS FLAGS...: built with FLAGS, the gates print WORDS, or pass if WORDS is empty.
expect() {
  local words=$1 out code; shift
  cases=$((cases + 1))
  gcc -c "$@" -x assembler-with-cpp "$dir/good.S" -o "$dir/part.o" &&
    ld -r -e purgatory_start "$dir/part.o" -o "$dir/object.ro" || { echo "gates: could not build the case: $*"; bad=1; return; }
  judge "$words" "$*"
}

judge() {
  local out code
  out=$("$here/gates.sh" "$dir/object.ro"); code=$?
  if [ -z "$1" ]; then
    [ $code = 0 ] || { echo "gates: $2 must pass, but: $out"; bad=1; }
  else
    [ $code = 1 ] && [[ $out == *"$1"* ]] || { echo "gates: $2 must be reported ($1), but: $out"; bad=1; }
  fi
}

expect ''
expect ''                                         -DBODY='movabsq $stack_end, %rax'
expect ''                                         -DBODY='leaq stack_end(%rip), %rax'
expect 'undefined: MissingFunction'               -DBODY='call MissingFunction'
expect 'link: a full link fails'                  -DBODY='call MissingFunction'
expect 'symbol: entry64_regs is missing'          -DNO_REGS
expect 'symbol: sha256_digest has 28 bytes'       -DSHORT_DIGEST
expect 'symbol: reset_vga is in .bss (NOBITS)'    -DWRITTEN=.bss
expect 'symbol: stack_end is WEAK'                -DWEAK_STACK
expect 'entry: the entry point is not at offset 0' -DLATE_ENTRY
expect 'entry: purgatory_start is not the first'  -DLATE_ENTRY
expect 'text: 2 executable sections'              -DEXTRA='.section .text.second, "ax"; nop'
expect 'constructor: .init_array'                 -DEXTRA='.section .init_array, "aw", @init_array; .quad purgatory_start'
expect 'constructor: .ctors'                      -DEXTRA='.section .ctors, "aw"; .quad purgatory_start'
expect 'constructor: .tbss'                       -DEXTRA='.section .tbss, "awT", @nobits; .quad 0'
expect 'note: .note.made'                         -DEXTRA='.section .note.made, "a", @note; .long 0, 0, 0'
expect 'relocation: R_X86_64_32S in .text'        -DBODY='movq stack_end, %rax'
expect 'relocation: R_X86_64_32 in .text'         -DBODY='movl $stack_end, %eax'
expect 'relocation: R_X86_64_REX_GOTPCRELX'       -DBODY='movq stack_end@GOTPCREL(%rip), %rax'
expect 'relocation: R_X86_64_PC64 in .data'       -DEXTRA='.data; .quad purgatory_start - .'
expect 'integer: vector or x87 code in purgatory_start' -DBODY='movaps %xmm0, (%rsp)'
expect 'integer: vector or x87 code in purgatory_start' -DBODY='movq %mm1, %rax'
expect 'integer: vector or x87 code in purgatory_start' -DBODY='fldl (%rsp)'
expect 'integer: vector or x87 code in purgatory_start' -DBODY='fxch %st(1)'

# No assembler writes alignment 0, so the field of .data's header is overwritten.
gcc -c -x assembler-with-cpp "$dir/good.S" -o "$dir/part.o" && ld -r -e purgatory_start "$dir/part.o" -o "$dir/object.ro"
index=$(readelf -SW "$dir/object.ro" | sed -n 's/^ *\[ *\([0-9]*\)\] \.data .*/\1/p')
table=$(readelf -hW "$dir/object.ro" | sed -n 's/.*Start of section headers: *\([0-9]*\).*/\1/p')
printf '\0' | dd of="$dir/object.ro" bs=1 seek=$((table + 64 * index + 48)) conv=notrunc 2>/dev/null
cases=$((cases + 1))
judge 'alignment: .data has alignment 0' 'alignment 0'

cp "$dir/good.S" "$dir/object.ro"
cases=$((cases + 1))
judge 'elf: ' 'a text file'

[ $bad = 0 ] && echo "gates: $cases cases as expected"
exit $bad
