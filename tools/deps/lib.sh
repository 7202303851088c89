# SPDX-License-Identifier: BSD-2-Clause
# Shared by the scripts of `make deps`: the cache, checked downloads, a private apt.
#
# Nothing here changes the machine's own apt sources, and no host name stands
# here: every source is derived from the entries that the machine has already.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/holdfast
apt_dir=$build/apt
pins=$here/pins

say() { printf 'deps: %s\n' "$*"; }
die() { printf 'deps: %s\n' "$*" >&2; exit 1; }

# Runs a command; once more, after a pause, if it fails.
retry() { "$@" || { say "no success, trying once more: $1 ${2:-}"; sleep 2; "$@"; }; }

# Takes the lock that keeps two runs of `make deps` apart, until the script ends.
take_lock() {
  mkdir -p "$cache" "$build" || die "cannot create $cache: set XDG_CACHE_HOME to a directory you may write to"
  exec 9>"$cache/lock"
  flock 9
}

sha256_is() { [ -f "$2" ] && [ "$(sha256sum <"$2" | cut -d' ' -f1)" = "$1" ]; }

# --- a private apt ------------------------------------------------------------------------------------------------

# Prints `uri|signed-by|suite` for each Debian entry of this machine.  Both forms
# of source are read; an entry counts if it offers `main` of bookworm.
machine_sources() {
  local etc parts list
  eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
  {
    shopt -s nullglob
    for etc in "$parts"/*.sources; do
      awk '
        function flush(  n, i, j, u, s) {
          if (tolower(f["enabled"]) != "no" && (" " f["components"] " ") ~ / main /) {
            n = split(f["uris"], u, /[ \t]+/); i = split(f["suites"], s, /[ \t]+/)
            for (; n; n--) for (j = 1; j <= i; j++) if (u[n] != "" && s[j] ~ /^bookworm/) print u[n] "|" f["signed-by"] "|" s[j]
          }
          split("", f)
        }
        /^#/ { next }
        /^[ \t]*$/ { flush(); next }
        /^[ \t]/ { if (key == "signed-by") f[key] = f[key] "\\n" $0; else f[key] = f[key] " " $0; next }
        { key = tolower(substr($0, 1, index($0, ":") - 1)); v = substr($0, index($0, ":") + 1); sub(/^[ \t]+/, "", v); sub(/[ \t]+$/, "", v); f[key] = v }
        END { flush() }' "$etc"
    done
    for etc in "$list" "$parts"/*.list; do
      [ -f "$etc" ] || continue
      awk '
        $1 == "deb" || $1 == "deb-src" {
          line = $0; sub(/#.*/, "", line); key = ""
          if (match(line, /\[[^]]*\]/)) {
            opts = substr(line, RSTART + 1, RLENGTH - 2); line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
            if (match(opts, /signed-by=[^ \t]+/)) key = substr(opts, RSTART + 10, RLENGTH - 10)
            gsub(/,/, " ", key)
          }
          n = split(line, w, /[ \t]+/)
          for (i = 4; i <= n; i++) if (w[i] == "main" && w[3] ~ /^bookworm/) { print w[2] "|" key "|" w[3]; break }
        }' "$etc"
    done
  } | sort -u
}

# Of entries that could be Debian, those without a key of their own or with the
# archive's keyring come first: others are third parties that use Debian's names.
first_source() {
  local suite=$1
  machine_sources | awk -F'|' -v suite="$suite" '
    $3 == suite { rank = $2 == "" || $2 ~ /debian-archive/ ? 0 : $2 ~ /BEGIN PGP/ ? 1 : 2; if (!(rank in best)) best[rank] = $1 "|" $2 }
    END { for (r = 0; r < 3; r++) if (r in best) { print best[r]; exit } }'
}

write_entry() {  # SOURCE TYPES SUITES
  local uri=${1%%|*} key=${1#*|}
  printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\n' "$2" "$uri" "$3"
  if [ -n "$key" ]; then printf 'Signed-By: %b\n' "$key"; fi
  printf '\n'
}

private_apt_setup() {
  local debian security
  command -v apt-get >/dev/null || die "apt-get is not here: Debian 12 is needed to fetch kernels and sources"
  debian=$(first_source bookworm)
  security=$(first_source bookworm-security)
  [ -n "$debian" ] || die "no apt source for 'bookworm main' on this machine: add Debian 12's own entry below /etc/apt and run make deps again"
  mkdir -p "$apt_dir"/{sources,lists/partial,cache/archives/partial}
  {
    write_entry "$debian" "deb deb-src" "bookworm"
    write_entry "$debian" "deb" "bookworm-backports trixie-backports"
    write_entry "$debian" "deb-src" "trixie sid"
    if [ -n "$security" ]; then write_entry "$security" "deb deb-src" "bookworm-security"; fi
  } >"$apt_dir/sources/holdfast.sources"
  cat >"$apt_dir/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::DEP-11;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$apt_dir/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$apt_dir/lists";
Dir::Cache "$apt_dir/cache";
Dir::Cache::archives "archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::PDiffs "false";
CONF
}

# Runs one of apt's programs on the private lists and caches.
private_apt() { local tool=$1; shift; "$tool" -c "$apt_dir/apt.conf" -q "$@"; }

update_lists() { private_apt apt-get update -qq --error-on=any >"$apt_dir/update.log" 2>&1; }

# Fetches the package lists, unless they are of today.
private_apt_update() {
  if [ -n "$(find "$apt_dir/updated" -mmin -720 2>/dev/null)" ]; then return; fi
  private_apt_setup
  say "fetching the package lists of bookworm, its backports, trixie, its backports and sid into build/apt"
  retry update_lists || {
    sed -n 's/^E: /deps: apt: /p' "$apt_dir/update.log" | head -3 >&2
    die "could not fetch package lists (log: build/apt/update.log): check the network and this machine's apt sources, then run make deps again"
  }
  touch "$apt_dir/updated"
}

# Puts FILE with SHA256 into the cache, by COMMAND run in an empty directory.
cached_fetch() {  # FILE SHA256 COMMAND...
  local file=$1 sum=$2 dir; shift 2
  if sha256_is "$sum" "$cache/$file"; then return; fi
  if [ -e "$cache/$file" ]; then say "$cache/$file has a wrong SHA-256, fetching it again"; rm -f "$cache/$file"; fi
  dir=$(mktemp -d "$cache/fetch.XXXXXX")
  if ! (cd "$dir" && retry "$@") >"$apt_dir/fetch.log" 2>&1; then
    rm -rf "$dir"
    sed -n 's/^E: /deps: apt: /p' "$apt_dir/fetch.log" | head -3 >&2
    return 1
  fi
  if ! sha256_is "$sum" "$dir/$file"; then
    rm -rf "$dir"
    printf 'deps: %s arrived with another SHA-256 than expected (%s)\n' "$file" "$sum" >&2
    return 1
  fi
  find "$dir" -type f -exec mv -f -t "$cache" {} +
  rm -rf "$dir"
}

# The same for a Debian package.  apt writes the epoch's colon as %3a, as the archive does not: the file is named as the
# archive names it.
cached_fetch_package() {  # FILE SHA256 PACKAGE=VERSION
  private_apt_update
  cached_fetch "$1" "$2" bash -c '. "$1"; private_apt apt-get download "$2" && for f in *.deb; do [ "$f" = "$3" ] || mv "$f" "$3"; done' _ "$here/lib.sh" "$3" "$1"
}
