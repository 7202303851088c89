#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the EFI application again, in another folder and without the compiler's cache: it has to be the same.
#
#   reproducible.sh BUILD     BUILD holds holdfast.efi and third_party; from the root of the tree

set -eu
build=$(realpath "${1:?build directory}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/a/deeper/folder
mkdir -p "$tree/build" "$tree/tools"
cp -a Makefile common efi-stub "$tree"
cp -a tools/deps "$tree/tools"
ln -s "$(realpath build/third_party)" "$tree/build/third_party"
if ! CCACHE_DISABLE=1 env -u MAKEFLAGS make -j"$(nproc)" --no-print-directory -C "$tree" build/holdfast.efi >"$work/log" 2>&1; then
  tail -20 "$work/log"
  echo 'reproducible: it does not build in another folder'
  exit 1
fi
if ! cmp "$build/holdfast.efi" "$tree/build/holdfast.efi"; then
  echo 'reproducible: holdfast.efi differs by the folder that it was built in'
  exit 1
fi
printf 'reproducible: holdfast.efi: %s\n' "$(sha256sum <"$build/holdfast.efi" | cut -c1-64)"
