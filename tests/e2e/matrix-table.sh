#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes the table of kernels, loaders, entries and firmwares from the results of a run.
#
#   tests/e2e/matrix-table.sh [RESULTS]     what run.sh left, by default build/e2e/results; Markdown to standard output
#
# A cell is `intact` where every kept byte came through that real boot, `failed` where not, and `-` where it was not run.
set -eu
results=${1:-${HOLDFAST_BUILD:-build}/e2e/results}
awk '
  function cell(key) { return key in verdict ? verdict[key] : "-" }
  function row(first, keys, count,   i, line) {
    line = "| " first " |"
    for (i = 1; i <= count; i++) line = line " " cell(keys[i]) " |"
    print line
  }
  function rule(columns,   i, line) {
    line = "|"
    for (i = 1; i <= columns; i++) line = line "---|"
    print line
  }
  { result = $1 == "ok" ? "intact" : "failed"; sub(/^[^ ]+ +[^ ]+ +/, "") }
  # Kept pages survive 6.1 to new under SeaBios
  /^Kept pages survive .* under / {
    split($0, word, " ")
    verdict["purgatory," word[4] " to " word[6] "," (word[8] == "Ovmf" ? "OVMF" : "SeaBIOS")] = result
    seen++
  }
  # Matrix: 6.1 to new, kexec -s of trixie, vmlinux, OVMF
  /^Matrix: / {
    sub(/^Matrix: /, "")
    split($0, part, ", ")
    verdict[part[2] "," part[1] "," part[4] "," part[3]] = result
    if (!(part[2] in known)) { known[part[2]] = 1; loader[++loaders] = part[2] }
    seen++
  }
  END {
    if (!seen) { print "matrix-table.sh: no cell in these results" >"/dev/stderr"; exit 1 }
    kernels = split("6.1 6.12 new", kernel, " ")
    firmwares = split("SeaBIOS OVMF", firmware, " ")
    entries = split("vmlinux bzimage", entry, " ")
    for (f = 1; f <= firmwares; f++) {
      print "**" firmware[f] "**\n"
      line = "| old to new kernel, entry | purgatory |"
      for (l = 1; l <= loaders; l++) line = line " " loader[l] " |"
      print line
      rule(loaders + 2)
      for (from = 1; from <= kernels; from++) for (to = 1; to <= kernels; to++) for (e = 1; e <= entries; e++) {
        pair = kernel[from] " to " kernel[to]
        # A purgatory leaves its kernel to the loader, which takes one entry.
        keys[1] = entry[e] == "bzimage" ? "purgatory," pair "," firmware[f] : ""
        for (l = 1; l <= loaders; l++) keys[l + 1] = loader[l] "," pair "," firmware[f] "," entry[e]
        row(pair ", " entry[e], keys, loaders + 1)
      }
      print ""
    }
    for (key in verdict) if (verdict[key] == "intact") intact++
    printf "%d boots, %d intact.\n", seen, intact
  }' "$results"
