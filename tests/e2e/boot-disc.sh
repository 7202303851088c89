#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes what firmware boots from.
#
#   boot-disc.sh grub OUT IMAGE COMMAND-LINE [INITRD]   a disc with GRUB for BIOS and for UEFI, which starts IMAGE
#   boot-disc.sh esp OUT [/PATH FILE]...                a disk, all of it one FAT32 volume, with these files on it
set -eu
kind=$1 out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_grub() {
  mkdir -p "$work/boot/grub"
  cp "$1" "$work/image"
  [ $# = 2 ] || cp "$3" "$work/initrd"
  {
    echo 'serial --unit=0 --speed=115200'
    echo 'terminal_input serial'
    echo 'terminal_output serial'
    echo 'set timeout=0'
    echo 'echo "grub: starts the image"'
    echo "linux /image $2"
    [ $# = 2 ] || echo 'initrd /initrd'
    echo 'boot'
  } >"$work/boot/grub/grub.cfg"
  grub-mkrescue --locales= --themes= --fonts= --install-modules="boot echo iso9660 linux normal part_acorn part_amiga part_bsd part_dfly part_dvh part_plan part_sun part_sunpc serial terminal" \
    -o "$out" "$work" >"$out.log" 2>&1 || { cat "$out.log" >&2; exit 1; }
}

# The same bytes each time: a fixed serial number, and mtools' clock stands still.
make_esp() {
  export SOURCE_DATE_EPOCH=1700000000
  local -A made=([/]=1)
  local i bytes=0 folder at
  for ((i = 2; i <= $#; i += 2)); do bytes=$((bytes + $(stat -Lc %s "${!i}"))); done
  # A disk that is in a guest already keeps its size.  FAT32 has 65,525 clusters at least.
  [ -e "$out" ] || truncate -s $((bytes / 1048576 + 48))M "$out"
  mformat -i "$out" -F -N 484f4c44 -v HOLDFAST ::
  while [ $# -gt 0 ]; do
    folder=${1%/*} at=
    while [ "$at" != "$folder" ]; do
      at=$at/$(cut -d/ -f1 <<<"${folder#"$at"/}")
      [ -n "${made[$at]:-}" ] || mmd -i "$out" "::$at"
      made[$at]=1
    done
    mcopy -i "$out" "$2" "::$1"
    shift 2
  done
}

shift 2
case $kind in
  grub) make_grub "$@" ;;
  esp) make_esp "$@" ;;
  *) echo "boot-disc.sh: no kind $kind" >&2; exit 2 ;;
esac
