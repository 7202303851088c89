#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copies a purgatory and puts an instruction that no processor has at the start of one of its functions.
#
#   tests/e2e/plant-fault.sh OBJECT FUNCTION OUT     FUNCTION is a part of the symbol's name
set -eu
object=$1 function=$2 out=$3
value=$(nm "$object" | awk -v f="$function" 'index($3, f) && $2 ~ /[tT]/ { print $1; exit }')
offset=$(readelf -SW "$object" | awk '$2 == ".text" || $3 == ".text" { sub(/^.*\.text +PROGBITS +[0-9a-f]+ +/, ""); print $1; exit }')
[ -n "$value" ] && [ -n "$offset" ] || { echo "plant-fault.sh: $object has no function $function in .text" >&2; exit 1; }
cp "$object" "$out.new"
printf '\x0f\x0b' | dd of="$out.new" bs=1 seek=$((0x$value + 0x$offset)) conv=notrunc status=none
cmp -s "$object" "$out.new" && { echo "plant-fault.sh: nothing changed" >&2; exit 1; }
mv "$out.new" "$out"
