#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What loaders, firmware and signers need of the kernel image, one line for each fault.
#
#   image-gates.sh DIR     DIR holds holdfast.bzimage and the holdfast.elf that it was made of; exit 1 if one fails
#
# The rules: Documentation/arch/x86/boot.rst; the kernel's arch/x86/kernel/kexec-bzimage64.c and
# crypto/asymmetric_keys/verify_pefile.c; kexec-tools, kexec/arch/x86_64/kexec-bzImage64.c.

set -u -o pipefail
gate=image-gates
image=${1:?directory}/holdfast.bzimage
elf=$1/holdfast.elf
. "$(dirname "$0")/image-gates-lib.sh"
need grub-file

# --- position independence ----------------------------------------------------------------------------------------

check_elf
readelf -lW "$elf" | awk '/INTERP|TLS/ { print "has a program header " $1 }' | faults_of loader

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

check_signing '^Signing\|^Image was already' $((0x211)) $((0x1210)) $((size - 1))

verdict
