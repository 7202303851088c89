#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the kernel of the KHO scenarios from Debian's kernel source: build/kernels/kho/vmlinuz, its release in `version`.
#
#   kho-kernel.sh fetch    only the source package, into the cache, unless the kernel made of it is there
#   kho-kernel.sh          the kernel
#
# The newest source of the suite in `pins` is taken, and with REFRESH=1 looked for again.  A build takes minutes, so its
# result stays in the cache, under a key over all that it is made of.

. "$(dirname "$0")/lib.sh"

config=$root/tests/e2e/kernel/kho.config
record=$cache/linux-source
tree=$build/kernels/kho.tree
out=$build/kernels/kho

# Prints `version sha256 file package` of the suite's newest kernel source.
resolve() {  # SUITE PACKAGE
  local packages package version
  mapfile -t packages < <(private_apt apt-cache search --names-only "^$2-[0-9.]*\$" | cut -d' ' -f1)
  read -r package version < <(private_apt apt-cache madison "${packages[@]}" | awk -F'|' -v suite="$1" '
      { gsub(/ /, "", $1); gsub(/ /, "", $2); split($3, w, " "); sub(/\/.*/, "", w[2]); if (w[2] == suite) print $1, $2 }' |
    sort -k2,2V | tail -1)
  [ -n "${version:-}" ] || return 1
  private_apt apt-cache show "$package=$version" | awk -v version="$version" -v package="$package" '
    /^Filename: / { n = split($2, w, "/"); file = w[n] }
    /^SHA256: / { sum = $2 }
    END { if (sum != "") print version, sum, file, package; else exit 1 }'
}

# The record of the source that is to be built, made anew if there is none.
find_source() {
  local suite package
  if [ -z "${REFRESH:-}" ] && [ -s "$record" ]; then return; fi
  read -r suite package < <(awk '$1 == "linux" { print $2, $3 }' "$pins")
  private_apt_update
  resolve "$suite" "$package" >"$record.new" || die "$suite lists no kernel source $package-*: check this machine's apt sources"
  mv "$record.new" "$record"
}

# What the kernel is made of: source, configuration, this script and the compiler.
key() { { cat "$record" "$config" "$here/kho-kernel.sh"; gcc --version | sed -n 1p; } | sha256sum | cut -c1-16; }

# Is the kernel of that key in the cache, as it was when it was built?
cached() { [ -s "$cache/kho-kernel-$1.sha256" ] && (cd "$cache" && sha256sum --quiet --check "kho-kernel-$1.sha256") >/dev/null 2>&1; }

fetch() {
  local version sum file package
  take_lock
  find_source
  read -r version sum file package <"$record"
  if cached "$(key)" || sha256_is "$sum" "$cache/$file"; then return; fi
  say "fetching kernel source $package $version"
  cached_fetch_package "$file" "$sum" "$package=$version" || {
    rm -f "$record" "$apt_dir/updated"
    die "could not fetch $package $version: check the network, then run make kho-kernel again"
  }
}

# Runs make on the tree, with the compiler as Debian has it: neither the caller's choice nor its flags belong there.
make_tree() {
  env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u CXX -u CC KBUILD_BUILD_USER=holdfast KBUILD_BUILD_HOST=holdfast \
    KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' nice make -C "$tree" -j"$(nproc)" "$@" >>"$out.log" 2>&1
}

fail() {
  tail -5 "$out.log" >&2
  die "the KHO kernel: $1 (log: build/kernels/kho.log)"
}

# The parts of other machines and what no line of the configuration reaches are the most of it.
unpack() {
  local file=$1 package=$2
  rm -rf "$tree"
  mkdir -p "$tree"
  dpkg-deb --fsys-tarfile "$cache/$file" | tar -xO "./usr/src/$package.tar.xz" |
    xz -dc -T0 | tar -x -C "$tree" --strip-components=1 --wildcards --exclude='*/drivers/gpu/drm/*/*.[ch]' \
    --exclude='*/drivers/net/*/*.[ch]' --exclude='*/sound/*/*.[ch]' --exclude='*/tools/testing' --exclude='*/arch/*/boot/dts' ||
    fail "$file could not be unpacked"
}

configure() {
  make_tree tinyconfig || fail "tinyconfig failed"
  cat "$config" >>"$tree/.config"
  make_tree olddefconfig || fail "olddefconfig failed"
  local lost
  lost=$(grep '^CONFIG_' "$config" | grep -vxF -f "$tree/.config" | tr '\n' ' ') || true
  [ -z "$lost" ] || fail "this source does not take $lost"
}

compile() {  # KEY
  local version sum file package
  read -r version sum file package <"$record"
  say "building the KHO kernel from $package $version: some minutes, once"
  : >"$out.log"
  unpack "$file" "$package"
  configure
  make_tree bzImage || fail "the build failed"
  cp "$tree/arch/x86/boot/bzImage" "$cache/kho-kernel-$1"
  cp "$tree/include/config/kernel.release" "$cache/kho-kernel-$1.version"
  (cd "$cache" && sha256sum "kho-kernel-$1" "kho-kernel-$1.version" >"kho-kernel-$1.sha256.new" &&
    mv "kho-kernel-$1.sha256.new" "kho-kernel-$1.sha256")
  rm -rf "$tree"
}

kernel() {
  local key
  mkdir -p "$build/kernels"
  exec 8>"$build/kernels/kho.lock"
  flock 8
  "$here/kho-kernel.sh" fetch
  key=$(key)
  cached "$key" || compile "$key"
  mkdir -p "$out"
  cp "$cache/kho-kernel-$key.version" "$out/version"
  cp "$cache/kho-kernel-$key" "$out/vmlinuz.new"
  mv "$out/vmlinuz.new" "$out/vmlinuz"
  say "kernel kho is $(cat "$out/version")"
}

case ${1:-kernel} in
  fetch) fetch ;;
  kernel) kernel ;;
  *) die "kho-kernel.sh: '$1' is not fetch" ;;
esac
