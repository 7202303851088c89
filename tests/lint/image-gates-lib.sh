# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the gates of both PE images have alike: sourced with `gate` (who speaks), `image` (the file) and `elf` (what it
# was made of) set.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fault() { printf '%s: %s: %s\n' "$gate" "$1" "$2" | tee -a "$work/faults"; }
faults_of() { local line; while IFS= read -r line; do [ -z "$line" ] || fault "$1" "$line"; done; }

need() {  # TOOL...
  local file tool
  for file in "$image" "$elf"; do [ -f "$file" ] || { echo "$gate: no such file: $file"; exit 1; }; done
  for tool in readelf nm objdump sbsign sbverify openssl "$@"; do
    command -v "$tool" >/dev/null || { echo "$gate: $tool is not here: make deps installs it"; exit 1; }
  done
}

# The little-endian number of SIZE bytes at OFFSET.
number() { od -An -v -tu"$2" -j "$(($1))" -N "$2" "$image" | tr -d ' '; }
is() {  # NAME OFFSET SIZE VALUE
  local value; value=$(number "$2" "$3")
  [ "$value" = "$(($4))" ] || fault header "$1 is $value, not $(($4))"
}

# Whoever relocates it knows one kind of relocation, and runs no constructors; vector registers are SHA-NI's alone.
check_elf() {
  readelf -rW "$elf" | awk '$3 ~ /^R_X86_64_/ && $3 != "R_X86_64_RELATIVE" { print $3 " at " $1 }' | faults_of relocation
  nm -u "$elf" | awk '{ print $NF " is undefined" }' | faults_of undefined
  readelf -SW "$elf" | grep -oE '\.(init_array|fini_array|ctors|dtors|tdata|tbss)\b' | sort -u |
    awk '{ print $1 ": nothing runs constructors, there is no thread storage" }' | faults_of constructor
  objdump -d --no-show-raw-insn "$elf" | awk '
    /^[0-9a-f]+ <.*>:$/ { fn = $2; gsub(/[<>:]/, "", fn); next }
    fn == "" || fn ~ /^_ZN8holdfast.*Sha256NiBlocks/ || !sub(/^ *[0-9a-f]+:[ \t]*/, "") { next }
    /%[xyz]mm[0-9]|%mm[0-7]|%st([^a-z0-9]|$)/ { count[fn]++ }
    END { for (fn in count) print "vector or x87 code in " fn ", " count[fn] " times" }' | sort | faults_of integer
}

# It can be signed without a warning but those of EXPECTED (a pattern), and a byte at any OFFSET counts.
check_signing() {  # EXPECTED OFFSET...
  local expected=$1 at; shift
  openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=holdfast-test/ -days 2 \
    -keyout "$work/key" -out "$work/cert" 2>"$work/log" || fault signature "openssl: $(tail -1 "$work/log")"
  sbsign --key "$work/key" --cert "$work/cert" --output "$work/signed" "$image" >"$work/log" 2>&1 ||
    fault signature "sbsign: $(tail -1 "$work/log")"
  { grep -v "$expected" "$work/log" || true; } | faults_of signature
  sbverify --cert "$work/cert" "$work/signed" >"$work/log" 2>&1 || fault signature "sbverify: $(tail -1 "$work/log")"
  for at in "$@"; do
    cp "$work/signed" "$work/changed"
    printf '\x5a' | dd of="$work/changed" bs=1 seek="$at" conv=notrunc status=none
    if sbverify --cert "$work/cert" "$work/changed" >"$work/log" 2>&1; then fault signature "byte $at is not covered"; fi
  done
}

verdict() {
  if [ -s "$work/faults" ]; then printf '%s: %s: %d faults\n' "$gate" "$image" "$(wc -l <"$work/faults")"; exit 1; fi
  printf '%s: %s: all passed, %d bytes\n' "$gate" "$image" "$(stat -c %s "$image")"
}
