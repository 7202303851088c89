#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What both loaders of a purgatory need of OBJECT, one line for each fault.
#
#   gates.sh OBJECT      all gates; exit 1 if one fails
#
# The rules are those of kexec-tools (kexec/kexec-elf-rel.c and its x86_64 part)
# and of the kernel (kernel/kexec_file.c, arch/x86/kernel/machine_kexec_64.c).

set -u
object=${1:?object}
[ -f "$object" ] || { echo "gates: no such file: $object"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fault() { printf 'gates: %s: %s\n' "$1" "$2" | tee -a "$work/faults"; }
# Reports each line of standard input as a fault of GATE.
faults_of() { local line; while IFS= read -r line; do [ -z "$line" ] || fault "$1" "$line"; done; }

readelf -hW "$object" >"$work/header" 2>/dev/null && grep -q 'Type: *REL ' "$work/header" && grep -q 'X86-64' "$work/header" ||
  { fault elf "$object is not a relocatable x86-64 ELF file"; exit 1; }

# index name type flags align
readelf -SW "$object" | sed -n 's/^ *\[ *\([0-9]*\)\] /\1 /p' | awk '
  $2 == "NULL" { next }
  { flags = NF == 11 ? $8 : ""; print $1, $2, $3, (flags == "" ? "-" : flags), $NF }' >"$work/sections"
# section-index binding type size value name
readelf -sW "$object" | awk '$1 ~ /^[0-9]+:$/ && NF >= 8 { print $7, $5, $4, $3, $2, $8 }' >"$work/symbols"

# --- symbols: nothing undefined, nothing missing -----------------------------------------------------------------

# The loaders give an undefined symbol the address 0 and go on.
nm -u "$object" | awk '{ print $NF " is undefined" }' | faults_of undefined

ld -e purgatory_start -z nodefaultlib --no-undefined --no-warn-rwx-segments "$object" -o "$work/full" 2>"$work/ld.log" ||
  fault link "a full link fails: $(head -1 "$work/ld.log")"

# Name and size of what the loaders write, or look up; - is any size.
cat >"$work/required" <<'END'
purgatory_start -
stack_end -
entry64_regs 136
cmdline_end 8
sha256_regions 256
sha256_digest 32
skip_checks 4
reset_vga 1
serial_base 2
serial_baud 4
console_vga 1
console_serial 1
backup_src_start 8
backup_src_size 8
backup_start 8
panic_kernel 1
purgatory_sha_regions 256
purgatory_sha256_digest 32
END
awk '
  FILENAME ~ /sections$/ { type[$1] = $3; name[$1] = $2; next }
  FILENAME ~ /symbols$/ {
    if (!($6 in section) || $2 == "GLOBAL") { section[$6] = $1; bind[$6] = $2; size[$6] = $4 }
    next
  }
  !($1 in section) { print $1 " is missing"; next }
  bind[$1] != "GLOBAL" { print $1 " is " bind[$1] ", the loaders look at GLOBAL symbols only"; next }
  section[$1] == "COM" { print $1 " is common: give it a value"; next }
  section[$1] == "ABS" || section[$1] == "UND" { print $1 " has no section"; next }
  $2 != "-" && size[$1] != $2 { print $1 " has " size[$1] " bytes, not " $2 }
  $2 != "-" && type[section[$1]] != "PROGBITS" { print $1 " is in " name[section[$1]] " (" type[section[$1]] "): the loaders cannot set it there" }
' "$work/sections" "$work/symbols" "$work/required" | faults_of symbol

# --- sections: one of each kind, no constructors ------------------------------------------------------------------

awk '$2 ~ /^\.(init_array|fini_array|preinit_array|ctors|dtors)/ { print $2 ": nothing runs constructors" }
     $2 ~ /^\.t(data|bss)/ { print $2 ": there is no thread storage" }' "$work/sections" | faults_of constructor
awk '$3 == "NOTE" { print $2 ": the loaders parse notes; discard them" }' "$work/sections" | faults_of note
awk '$4 ~ /X/ && $4 ~ /A/ { n++; names = names " " $2 } END { if (n != 1) print n + 0 " executable sections, not one:" names }' "$work/sections" |
  faults_of text
awk '$4 ~ /A/ && $5 < 1 { print $2 " has alignment 0" }' "$work/sections" | faults_of alignment

# --- entry --------------------------------------------------------------------------------------------------------

grep -q 'Entry point address: *0x0$' "$work/header" || fault entry "the entry point is not at offset 0: $(sed -n 's/.*Entry point address: *//p' "$work/header")"
awk '
  FILENAME ~ /sections$/ { if ($4 ~ /X/) exec[$1] = 1; next }
  $6 == "purgatory_start" && (!($1 in exec) || $5 !~ /^0+$/) { print "purgatory_start is not the first byte of the executable section" }
' "$work/sections" "$work/symbols" | faults_of entry

# --- relocations --------------------------------------------------------------------------------------------------

# 32 and 32S overflow above 4 GiB; whatever is not listed makes a loader give up.
readelf -rW "$object" | awk '
  NR == FNR { if ($4 ~ /A/) loaded[$2] = 1; next }
  /^Relocation section/ { name = $3; gsub(/\047/, "", name); sub(/^\.rela?/, "", name); next }
  $3 ~ /^R_X86_64_/ && (name in loaded) && $3 !~ /^R_X86_64_(NONE|64|PC32|PLT32)$/ { count[$3 " in " name]++; if (!($3 " in " name in sym)) sym[$3 " in " name] = $5 }
  END { for (k in count) print k ", " count[k] " times (first: " sym[k] ")" }' "$work/sections" - | sort | faults_of relocation

# --- instructions -------------------------------------------------------------------------------------------------

# A purgatory is entered with CR4.OSFXSR off and no handler for the fault that a vector instruction then is.
objdump -d --no-show-raw-insn "$object" | awk '
  /^[0-9a-f]+ <.*>:$/ { fn = $2; gsub(/[<>:]/, "", fn); next }
  fn == "" || fn ~ /Sha256Ni/ || !sub(/^ *[0-9a-f]+:[ \t]*/, "") { next }
  { mnemonic = $1 }
  /%[xyz]mm[0-9]|%mm[0-7]|%st([^a-z0-9]|$)/ || mnemonic ~ /^(f[a-z0-9]+|emms|ldmxcsr|stmxcsr)$/ && mnemonic != "fs" {
    count[fn]++
    if (!(fn in first)) first[fn] = $0
  }
  END { for (fn in count) print "vector or x87 code in " fn ", " count[fn] " times (first: " first[fn] ")" }' | sort | faults_of integer

if [ -s "$work/faults" ]; then printf 'gates: %s: %d faults\n' "$object" "$(wc -l <"$work/faults")"; exit 1; fi
printf 'gates: %s: all passed, %d bytes\n' "$object" "$(stat -c %s "$object")"
