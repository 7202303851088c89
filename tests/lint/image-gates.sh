#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What loaders, firmware and signers need of the kernel image, one line for each fault.
#
#   image-gates.sh DIR     DIR holds holdfast.bzimage and the holdfast.elf that it was made of; exit 1 if one fails
#
# The rules: Documentation/arch/x86/boot.rst; the kernel's arch/x86/kernel/kexec-bzimage64.c and
# crypto/asymmetric_keys/verify_pefile.c; kexec-tools, kexec/arch/x86_64/kexec-bzImage64.c.

set -u -o pipefail
image=${1:?directory}/holdfast.bzimage
elf=$1/holdfast.elf
for f in "$image" "$elf"; do [ -f "$f" ] || { echo "image-gates: no such file: $f"; exit 1; }; done
for tool in readelf nm objdump grub-file sbsign sbverify openssl; do
  command -v "$tool" >/dev/null || { echo "image-gates: $tool is not here: make deps installs it"; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fault() { printf 'image-gates: %s: %s\n' "$1" "$2" | tee -a "$work/faults"; }
faults_of() { local line; while IFS= read -r line; do [ -z "$line" ] || fault "$1" "$line"; done; }
# The little-endian number of SIZE bytes at OFFSET.
number() { od -An -v -tu"$2" -j "$(($1))" -N "$2" "${3:-$image}" | tr -d ' '; }
is() {  # NAME OFFSET SIZE VALUE
  local value; value=$(number "$2" "$3")
  [ "$value" = "$(($4))" ] || fault header "$1 at $2 is $value, not $(($4))"
}

# --- position independence ----------------------------------------------------------------------------------------

# The entry code knows one kind of relocation.
readelf -rW "$elf" | awk '$3 ~ /^R_X86_64_/ && $3 != "R_X86_64_RELATIVE" { print $3 " at " $1 }' | faults_of relocation
nm -u "$elf" | awk '{ print $NF " is undefined" }' | faults_of undefined
readelf -lW "$elf" | awk '/INTERP|TLS/ { print "has a program header " $1 }' | faults_of loader
readelf -SW "$elf" | grep -oE '\.(init_array|fini_array|ctors|dtors|tdata|tbss)\b' | sort -u |
  awk '{ print $1 ": nothing runs constructors, there is no thread storage" }' | faults_of constructor
objdump -d --no-show-raw-insn "$elf" | awk '
  /^[0-9a-f]+ <.*>:$/ { fn = $2; gsub(/[<>:]/, "", fn); next }
  fn == "" || fn ~ /^_ZN8holdfast.*Sha256NiBlocks/ || !sub(/^ *[0-9a-f]+:[ \t]*/, "") { next }
  /%[xyz]mm[0-9]|%mm[0-7]|%st([^a-z0-9]|$)/ { count[fn]++ }
  END { for (fn in count) print "vector or x87 code in " fn ", " count[fn] " times" }' | sort | faults_of integer

# --- the header ---------------------------------------------------------------------------------------------------

size=$(stat -c %s "$image")
work_offset=$(number 0x1240+24 8)
work_size=$(number 0x1240+32 8)
is MZ 0 2 0x5a4d
is e_lfanew 0x3c 4 0x40
is PE 0x40 4 0x4550
is machine 0x44 2 0x8664
is PE32+ 0x58 2 0x20b
is SizeOfImage 0x90 4 "$size"
is SizeOfHeaders 0x94 4 0x1000
is directories 0xc4 4 6
is VirtualSize 0x100 4 "$size-0x1000"
is SizeOfRawData 0x108 4 "$size-0x1000"
is setup_sects 0x1f1 1 7
is syssize 0x1f4 4 "($size-0x1000+15)/16"
is sentinel 0x1ef 1 0xff
is boot_flag 0x1fe 2 0xaa55
is HdrS 0x202 4 0x53726448
is version 0x206 2 0x20f
is loadflags 0x211 1 1
is xloadflags 0x236 2 0x73
is relocatable 0x234 1 1
is header_length 0x201 1 0x6a
is init_size 0x260 4 "$work_offset-0x1000+$work_size"
[ "$(od -An -c -j $((0x1240)) -N 8 "$image" | tr -d ' ')" = HFSTAGE1 ] || fault record "no record at 0x1240"
[ "$work_offset" = "$size" ] || fault record "the work area begins at $work_offset, the file ends at $size"
[ $((size % 4096)) = 0 ] || fault header "the file's size is not a multiple of 4096"
[ "$size" -le $((512 * 1024)) ] || fault size "$size bytes: without a bundle it is to stay below 512 KiB"

# --- those who read it --------------------------------------------------------------------------------------------

grub-file --is-x86-linux "$image" || fault grub "grub-file: not an x86 Linux kernel"
grub-file --is-x86_64-efi "$image" || fault grub "grub-file: not an x86-64 EFI image"

openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=holdfast-test/ -days 2 \
  -keyout "$work/key" -out "$work/cert" 2>"$work/log" || fault signature "openssl: $(tail -1 "$work/log")"
sbsign --key "$work/key" --cert "$work/cert" --output "$work/signed" "$image" >"$work/log" 2>&1 ||
  fault signature "sbsign: $(tail -1 "$work/log")"
{ grep -v '^Signing\|^Image was already' "$work/log" || true; } | faults_of signature
sbverify --cert "$work/cert" "$work/signed" >"$work/log" 2>&1 || fault signature "sbverify: $(tail -1 "$work/log")"
# A byte anywhere in what is signed counts.
for at in $((0x211)) $((0x1210)) $((size - 1)); do
  cp "$work/signed" "$work/changed"
  printf '\x5a' | dd of="$work/changed" bs=1 seek="$at" conv=notrunc status=none
  if sbverify --cert "$work/cert" "$work/changed" >"$work/log" 2>&1; then fault signature "byte $at is not covered"; fi
done

if [ -s "$work/faults" ]; then printf 'image-gates: %s: %d faults\n' "$image" "$(wc -l <"$work/faults")"; exit 1; fi
printf 'image-gates: %s: all passed, %d bytes\n' "$image" "$size"
