#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Puts Debian's cloud kernels into build/kernels/NAME/vmlinuz, their release string beside them in `version`, and
# efivarfs.ko of those that have it in the same package.
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

ready() {
  [ -z "${REFRESH:-}" ] && [ -s "$build/kernels/$1/vmlinuz" ] && [ -s "$build/kernels/$1/version" ] &&
    [ -e "$build/kernels/$1/efivarfs.ko" ]
}

# Prints `release sha256 file package=version` of the kernel that the suites' cloud metapackage depends on.
resolve() {
  local suites=$* meta image binary release
  meta=$(private_apt apt-cache madison linux-image-cloud-amd64 | awk -F'|' -v suites="$suites" '
    BEGIN { n = split(suites, s, " "); for (; n; n--) want[s[n]] = 1 }
    { gsub(/^ +| +$/, "", $2); split($3, w, " "); sub(/\/.*/, "", w[2]); if (w[2] in want) print $2 }' | sort -V | tail -1)
  [ -n "$meta" ] || return 1
  image=$(private_apt apt-cache show "linux-image-cloud-amd64=$meta" | sed -n 's/^Depends: .*\(linux-image-[^ ,]*\) (= \([^)]*\)).*/\1=\2/p' | head -1)
  [ -n "$image" ] || return 1
  release=${image#linux-image-} release=${release%%=*}
  # From 7.2 on the image package is a frame, and a package it depends on holds the file.
  binary=$(private_apt apt-cache show "$image" | sed -n 's/^Depends: .*\(linux-binary-[^ ,]*\) (= \([^)]*\)).*/\1=\2/p' | head -1)
  image=${binary:-$image}
  private_apt apt-cache show "$image" | awk -v release="$release" -v image="$image" '
    /^Filename: / { n = split($2, w, "/"); file = w[n] }
    /^SHA256: / { sum = $2 }
    END { if (sum != "") print release, sum, file, image; else exit 1 }'
}

# Of the package that `fetch` has at hand; prints nothing where it has no such module.
unpack_module() {
  local member
  member=$(dpkg-deb --fsys-tarfile "$cache/$file" | tar -t | grep "/$1\.ko\(\.xz\)\?$" | head -1) || return 0
  dpkg-deb --fsys-tarfile "$cache/$file" | tar -xO "$member" | if [ "${member%.xz}" = "$member" ]; then cat; else xz -dc; fi
}

fetch() {
  local name=$1 record=$cache/kernel-$1 release sum file image; shift
  if [ -n "${REFRESH:-}" ] || ! [ -s "$record" ] || { read -r _ sum file _ <"$record"; ! sha256_is "$sum" "$cache/$file"; }; then
    private_apt_update
    resolve "$@" >"$record.new" ||
      die "no cloud kernel found in the lists of $*: this mirror may not carry that suite; put a kernel into build/kernels/$name/vmlinuz and its release into build/kernels/$name/version"
    mv "$record.new" "$record"
  fi
  read -r release sum file image <"$record"
  cached_fetch_kernel "$file" "$sum" "$image" || {
    rm -f "$record" "$apt_dir/updated"
    die "could not fetch the kernel $release from $*: check the network, then run make deps again"
  }
  mkdir -p "$build/kernels/$name"
  # Up to 6.12 the image stands in /boot, later beside its modules.
  dpkg-deb --fsys-tarfile "$cache/$file" |
    tar -xO --wildcards "./boot/vmlinuz-$release" "./usr/lib/modules/$release/vmlinuz" >"$build/kernels/$name/vmlinuz.new" 2>/dev/null || true
  unpack_module efivarfs >"$build/kernels/$name/efivarfs.ko.new"
  mv "$build/kernels/$name/efivarfs.ko.new" "$build/kernels/$name/efivarfs.ko"
  [ -s "$build/kernels/$name/vmlinuz.new" ] || die "$file holds no kernel image: delete $record and run make deps again"
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
