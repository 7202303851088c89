#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What firmware, signers and bundlers need of the EFI application, one line for each fault.
#
#   efi-gates.sh DIR     DIR holds holdfast.efi and the holdfast.so that it was made of; exit 1 if one fails
#
# The rules: PE Format (Microsoft); UEFI 2.10, 2.1.1; EDK II, MdePkg/Library/BasePeCoffLib.

set -u -o pipefail
gate=efi-gates
image=${1:?directory}/holdfast.efi
elf=$1/holdfast.so
. "$(dirname "$0")/image-gates-lib.sh"
need

# --- the shared object --------------------------------------------------------------------------------------------

check_elf

# Every section that is to be in memory has to be in the image: objcopy leaves out what it is not told of.  These are
# the dynamic linker's, of which there is none.
readelf -SW "$elf" | sed -n 's/^ *\[ *[0-9]*\] //p' | awk '
  $1 ~ /^\./ && NF >= 10 && $7 ~ /A/ { print $1, $3, $5 }' | grep -vE '^\.(hash|gnu\.hash|dynstr) ' >"$work/wanted"
objdump -h "$image" | awk '$1 ~ /^[0-9]+$/ { print $2, $4, $3 }' >"$work/sections"
awk 'function value(text,  n, i) { n = 0; text = tolower(text)
       for (i = 1; i <= length(text); i++) n = n * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
       return n }
     NR == FNR { address[$1] = value($2); size[$1] = value($3); next }
     !($1 in address) { print $1 " is not in the image"; next }
     address[$1] != value($2) || size[$1] < value($3) { print $1 " is elsewhere, or cut off" }' \
  "$work/sections" "$work/wanted" | faults_of section

# --- the image ----------------------------------------------------------------------------------------------------

size=$(stat -c %s "$image")
pe=$(number 0x3c 4)
sections=$(number "$pe+6" 2)
optional=$((pe + 24))
table=$((optional + $(number "$pe+20" 2)))
headers=$(number "$optional+60" 4)
is MZ 0 2 0x5a4d
is PE "$pe" 4 0x4550
is machine "$pe+4" 2 0x8664
is timestamp "$pe+8" 4 0
is PE32+ "$optional" 2 0x20b
is subsystem "$optional+68" 2 10
is SectionAlignment "$optional+32" 4 4096
[ $(($(number "$pe+22" 2) & 1)) = 0 ] || fault header 'relocations are stripped: firmware loads it nowhere'
[ "$(number "$optional+112+5*8+4" 4)" -gt 0 ] || fault header 'no base relocation directory'
# .linux .initrd .cmdline .osrel .uname .dtb
room=$(((headers - table) / 40 - sections))
[ "$room" -ge 6 ] || fault header "room for $room more section headers, not for 6"

end=0 entry=$(number "$optional+16" 4) entered=0
for ((i = 0; i < sections; i++)); do
  at=$((table + 40 * i))
  name=$(dd if="$image" bs=1 skip="$at" count=8 status=none | tr -d '\0')
  virtual=$(number "$at+8" 4) address=$(number "$at+12" 4) flags=$(number "$at+36" 4)
  [ $((address % 4096)) = 0 ] || fault section "$name does not begin at a page"
  [ "$address" -ge "$end" ] || fault section "$name overlaps what is before it"
  [ $((flags & 0xa0000000)) != $((0xa0000000)) ] || fault section "$name is both written and executed"
  if [ $((flags & 0x20000000)) != 0 ] && [ "$entry" -ge "$address" ] && [ "$entry" -lt $((address + virtual)) ]; then
    entered=1
  fi
  if [ "$name" = .sbat ]; then
    dd if="$image" iflag=skip_bytes,count_bytes skip="$(number "$at+20" 4)" count="$virtual" status=none >>"$work/sbat"
  fi
  end=$((address + virtual))
done
[ $entered = 1 ] || fault header "the entry $entry is in no code"
is SizeOfImage "$optional+56" 4 "($end+4095)/4096*4096"
[ "$size" -le $((640 * 1024)) ] || fault size "$size bytes: it is to stay below 640 KiB"

# shim starts nothing without it (SBAT.md).
version=$(sed -n 's/.*kVersion = "\(.*\)";/\1/p' common/base/version.h)
{ cat "$work/sbat" 2>/dev/null || true; } | awk -F, -v version="$version" '
  NF != 6 || /,,|,$|^,/ || $2 !~ /^[1-9][0-9]*$/ { print "line " NR " has not six fields, the second a number" }
  NR == 1 && $1 "," $2 != "sbat,1" { print "line 1 is not that of the format" }
  $1 == "holdfast" { found = 1; if ($5 != version) print "version " $5 ", not " version }
  END { if (!found) print "does not name holdfast" }' | faults_of sbat

# --- those who sign it --------------------------------------------------------------------------------------------

# It warns of gaps that a signature does not cover.
check_signing '^Signing' $((pe + 22)) $((size / 2)) $((size - 1))

verdict
