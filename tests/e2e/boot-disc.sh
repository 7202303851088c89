#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes what firmware boots from.
#
#   boot-disc.sh grub OUT IMAGE COMMAND-LINE [INITRD]   a disc with GRUB for BIOS and for UEFI, which starts IMAGE
#   boot-disc.sh efi OUT IMAGE                          a disk whose \EFI\BOOT\BOOTX64.EFI is IMAGE
set -eu
kind=$1 out=$2 image=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_grub() {
  mkdir -p "$work/boot/grub"
  cp "$image" "$work/image"
  [ $# = 1 ] || cp "$2" "$work/initrd"
  {
    echo 'serial --unit=0 --speed=115200'
    echo 'terminal_input serial'
    echo 'terminal_output serial'
    echo 'set timeout=0'
    echo 'echo "grub: starts the image"'
    echo "linux /image $1"
    [ $# = 1 ] || echo 'initrd /initrd'
    echo 'boot'
  } >"$work/boot/grub/grub.cfg"
  grub-mkrescue --locales= --themes= --fonts= --install-modules="boot echo iso9660 linux normal part_acorn part_amiga part_bsd part_dfly part_dvh part_plan part_sun part_sunpc serial terminal" \
    -o "$out" "$work" >"$out.log" 2>&1 || { cat "$out.log" >&2; exit 1; }
}

make_efi() {
  truncate -s 64M "$out"
  mformat -i "$out" -F ::
  mmd -i "$out" ::/EFI ::/EFI/BOOT
  mcopy -i "$out" "$image" ::/EFI/BOOT/BOOTX64.EFI
}

case $kind in
  grub) shift 3; make_grub "$@" ;;
  efi) make_efi ;;
  *) echo "boot-disc.sh: no kind $kind" >&2; exit 2 ;;
esac
