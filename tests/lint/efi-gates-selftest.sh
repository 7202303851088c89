#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Feeds efi-gates.sh a good application, and one with each fault it is there to catch.  From the root of the tree.

here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0 cases=0

# An application that does nothing but end; macros spoil one thing each.
version=$(sed -n 's/.*kVersion = "\(.*\)";/\1/p' common/base/version.h)
sed "s/VERSION/$version/" >"$dir/good.S" <<'END'
.text
.globl efi_main
efi_main:
#ifdef BODY
  BODY
#endif
  xorl %eax, %eax
  ret
.globl _ZN8holdfast14Sha256NiBlocksEv
_ZN8holdfast14Sha256NiBlocksEv:
  pxor %xmm0, %xmm0
  ret
#ifdef EXTRA
  EXTRA
#endif
.data
.quad efi_main
.section .rodata, "a"
.quad 1
#ifndef SBAT
#define SBAT .ascii "sbat,1,SBAT Version,sbat,1,address\nholdfast,1,Holdfast,holdfast,VERSION,address\n"
#endif
.section .sbat, "a"
SBAT
.section .note.GNU-stack, "", @progbits
.bss
.skip 8192
END
parts=(.text .rodata .sbat .data .dynamic .dynsym '.rel*' .reloc .bss)

# FLAGS...: builds it, with `parts` copied, and sections that the script does not know left where they fall.
build() {
  gcc -fpic "$@" -c -x assembler-with-cpp "$dir/good.S" -o "$dir/part.o" &&
    ld -shared -Bsymbolic -nostdlib -znocombreloc -znorelro -zmax-page-size=4096 --build-id=none --no-warn-rwx-segments \
      -T efi-stub/efi.ld /usr/lib/crt0-efi-x86_64.o "$dir/part.o" -o "$dir/holdfast.so" /usr/lib/libgnuefi.a &&
    objcopy -S "${parts[@]/#/-j}" --target efi-app-x86_64 --subsystem=10 "$dir/holdfast.so" "$dir/holdfast.efi"
}

# WORDS NAME: the gates print WORDS, or pass if WORDS is empty.
judge() {
  local out code
  cases=$((cases + 1))
  out=$("$here/efi-gates.sh" "$dir" 2>&1); code=$?
  if [ -z "$1" ]; then
    [ $code = 0 ] || { echo "efi-gates: $2 must pass, but: $out"; bad=1; }
  else
    [ $code = 1 ] && [[ $out == *"$1"* ]] || { echo "efi-gates: $2 must be reported ($1), but: $out"; bad=1; }
  fi
}

expect() {
  local words=$1; shift
  build "$@" || { echo "efi-gates: could not build the case: $*"; bad=1; return; }
  judge "$words" "${*:-the good one}"
}

# OFFSET BYTES: in the PE header of the good one.
spoil() {
  build && printf '%b' "$2" | dd of="$dir/holdfast.efi" bs=1 seek=$((0x80 + $1)) conv=notrunc status=none
}

expect ''
expect 'undefined: MissingFunction is undefined'    -DBODY='call MissingFunction@PLT'
expect 'relocation: R_X86_64_64 at'                 -DEXTRA='.data; .weak Absent; .quad Absent'
expect 'constructor: .init_array'                   -DEXTRA='.section .init_array, "aw", @init_array; .quad efi_main'
expect 'integer: vector or x87 code in efi_main'    -DBODY='movaps %xmm0, (%rsp)'
expect 'section: .orphan is not in the image'       -DEXTRA='.section .orphan, "aw"; .quad 1'
parts=(.text .sbat .data .dynamic .dynsym '.rel*' .reloc .bss)
expect 'section: .rodata is not in the image'
parts=(.text .rodata .sbat .data .dynamic .dynsym '.rela*' .bss)
expect 'header: relocations are stripped'
parts=(.text .rodata .sbat .data .dynamic .dynsym '.rel*' .reloc)
expect 'section: .bss is not in the image'
parts=(.text .rodata .sbat .data .dynamic .dynsym '.rel*' .reloc .bss)
parts=(.text .rodata .data .dynamic .dynsym '.rel*' .reloc .bss)
expect 'sbat: does not name holdfast'
parts=(.text .rodata .sbat .data .dynamic .dynsym '.rel*' .reloc .bss)
expect 'sbat: does not name holdfast'               -DSBAT='.ascii "sbat,1,SBAT Version,sbat,1,address\n"'
expect 'sbat: version 0, not'                       -DSBAT='.ascii "sbat,1,SBAT Version,sbat,1,a\nholdfast,1,H,h,0,a\n"'
expect 'sbat: line 1 has not six fields'            -DSBAT='.ascii "sbat,1\n"'
spoil 8 '\1'
judge 'header: timestamp is 1' 'a time'
spoil 0x5c '\13'
judge 'header: subsystem is 11' 'a driver'
# The optional header is at 0x18, and behind its 240 bytes the sections, .text first: 8 size, 12 address, 36 flags.
spoil 0x28 '\0\0\0\0'
judge 'header: the entry 0 is in no code' 'an entry in the headers'
spoil 0x38 '\0\40'
judge 'header: SectionAlignment is 8192' 'sections at every second page'
spoil 0x50 '\1'
judge 'header: SizeOfImage is' 'another size in memory'
spoil 6 '\144'
judge 'header: room for' 'no room for sections'
judge 'signature: sbsign: ' 'what signers do not take'
spoil $((0x108 + 36)) '\40\0\0\340'
judge 'section: .text is both written and executed' 'code that can be written'
spoil $((0x108 + 12)) '\1'
judge 'section: .text does not begin at a page' 'code off its page'
spoil $((0x108 + 8)) '\0\0\1'
judge 'section: .reloc overlaps what is before it' 'code over its neighbour'
build && truncate -s $((640 * 1024 + 1)) "$dir/holdfast.efi"
judge 'size: 655361 bytes' 'a large one'

[ $bad = 0 ] && echo "efi-gates: $cases cases as expected"
exit $bad
