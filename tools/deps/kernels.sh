#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Puts Debian's cloud kernels into build/kernels/NAME/vmlinuz, their release string beside them in `version`, and the
# drivers that guests need, which these kernels have as modules, into `modules`.
#
# Kernels are security updates, so the newest of each suite is taken; its
# SHA-256 comes from apt's signed lists and is kept in the cache.  With
# REFRESH=1 the suites are asked again.

. "$(dirname "$0")/lib.sh"

kernels=(
  "6.1 bookworm bookworm-security"
  "6.12 bookworm-backports"
  "new trixie-backports"
)

# EFI's variables; /dev/pmem of kept memory, and what makes memory of the system of it again.
modules=(efivarfs libnvdimm nd_btt nd_e820 nd_pmem dax_pmem device_dax kmem)

ready() {
  local module
  for module in "${modules[@]}"; do [ -s "$build/kernels/$1/modules/$module.ko" ] || return 1; done
  [ -z "${REFRESH:-}" ] && [ -s "$build/kernels/$1/vmlinuz" ] && [ -s "$build/kernels/$1/version" ]
}

# Prints `release sha256 file package=version` of a package.
record_of() {
  private_apt apt-cache show "$2" | awk -v release="$1" -v package="$2" '
    /^Filename: / { n = split($2, w, "/"); file = w[n] }
    /^SHA256: / { sum = $2 }
    END { if (sum != "") print release, sum, file, package; else exit 1 }'
}

# A package that another one depends on, by the beginning of its name; prints nothing where there is none.
dependency_of() {
  private_apt apt-cache show "$1" | sed -n "s/^Depends: .*\\($2-[^ ,]*\\) (= \\([^)]*\\)).*/\\1=\\2/p" | head -1
}

# Prints a record of the kernel that the suites' cloud metapackage depends on, and one of its modules.
resolve() {
  local suites=$* meta image release binary drivers
  meta=$(private_apt apt-cache madison linux-image-cloud-amd64 | awk -F'|' -v suites="$suites" '
    BEGIN { n = split(suites, s, " "); for (; n; n--) want[s[n]] = 1 }
    { gsub(/^ +| +$/, "", $2); split($3, w, " "); sub(/\/.*/, "", w[2]); if (w[2] in want) print $2 }' | sort -V | tail -1)
  [ -n "$meta" ] || return 1
  image=$(dependency_of "linux-image-cloud-amd64=$meta" linux-image)
  [ -n "$image" ] || return 1
  release=${image#linux-image-} release=${release%%=*}
  # From 7.2 on the image package is a frame, and packages it depends on hold the files.
  binary=$(dependency_of "$image" linux-binary)
  drivers=$(dependency_of "$image" linux-modules)
  record_of "$release" "${binary:-$image}" && record_of "$release" "${drivers:-$image}"
}

unpack_modules() {  # PACKAGE FOLDER
  local unpacked module found
  unpacked=$(mktemp -d)
  dpkg-deb --fsys-tarfile "$1" | tar -x -C "$unpacked" --wildcards '*.ko' '*.ko.xz' 2>/dev/null || true
  mkdir -p "$2"
  for module in "${modules[@]}"; do
    found=$(find "$unpacked" -name "$module.ko" -o -name "$module.ko.xz" | head -1)
    [ -n "$found" ] || die "${1##*/} has no module $module: take it out of the list in tools/deps/kernels.sh, or wait for a package that has it"
    if [ "${found%.xz}" = "$found" ]; then cat "$found"; else xz -dc "$found"; fi >"$2/$module.ko.new"
    mv "$2/$module.ko.new" "$2/$module.ko"
  done
  rm -rf "$unpacked"
}

# The record has a line for the kernel and one for its modules; one without the second is asked for again.
have_packages() {
  local release sum file package lines=0
  while read -r release sum file package; do
    sha256_is "$sum" "$cache/$file" || return 1
    lines=$((lines + 1))
  done <"$1"
  [ "$lines" = 2 ]
}

fetch() {
  local name=$1 record=$cache/kernel-$1 release sum file package drivers; shift
  if [ -n "${REFRESH:-}" ] || ! [ -s "$record" ] || ! have_packages "$record"; then
    private_apt_update
    resolve "$@" >"$record.new" ||
      die "no cloud kernel found in the lists of $*: this mirror may not carry that suite; put a kernel into build/kernels/$name/vmlinuz, its release into build/kernels/$name/version and its modules (${modules[*]}) into build/kernels/$name/modules"
    mv "$record.new" "$record"
  fi
  while read -r release sum file package; do
    cached_fetch_kernel "$file" "$sum" "$package" || {
      rm -f "$record" "$apt_dir/updated"
      die "could not fetch the kernel $release from $*: check the network, then run make deps again"
    }
    drivers=$file
  done <"$record"
  read -r release _ file _ <"$record"
  mkdir -p "$build/kernels/$name"
  # Up to 6.12 the image stands in /boot, later beside its modules.
  dpkg-deb --fsys-tarfile "$cache/$file" |
    tar -xO --wildcards "./boot/vmlinuz-$release" "./usr/lib/modules/$release/vmlinuz" >"$build/kernels/$name/vmlinuz.new" 2>/dev/null || true
  [ -s "$build/kernels/$name/vmlinuz.new" ] || die "$file holds no kernel image: delete $record and run make deps again"
  unpack_modules "$cache/$drivers" "$build/kernels/$name/modules"
  echo "$release" >"$build/kernels/$name/version"
  mv "$build/kernels/$name/vmlinuz.new" "$build/kernels/$name/vmlinuz"
  say "kernel $name is $release"
}

cached_fetch_kernel() {
  if sha256_is "$2" "$cache/$1"; then return; fi
  say "fetching kernel package $1"
  cached_fetch_package "$1" "$2" "$3"
}

wanted=()
for k in "${kernels[@]}"; do ready "${k%% *}" || wanted+=("$k"); done
[ "${#wanted[@]}" -gt 0 ] || exit 0
take_lock
if [ -n "${REFRESH:-}" ]; then rm -f "$apt_dir/updated"; fi
for k in "${wanted[@]}"; do
  # shellcheck disable=SC2086  # the words of an entry are name and suites
  fetch $k
done
