# SPDX-License-Identifier: BSD-2-Clause
# Reports every #include that climbs, or goes where only one file may go.
#
# Floors of common/, ground first: base and abi, then mem, codec and console,
# then format, then plan.  A room may include what its row names.  Shells may
# include common/ and themselves.  An outside library has one wrapper.
#
# Run from the root of the tree: awk -f tests/lint/layers.awk FILE...

BEGIN {
  row("base",    "base abi")
  row("abi",     "abi base")
  row("mem",     "mem base abi")
  row("codec",   "codec base")
  row("console", "console mem base abi")
  row("format",  "format mem codec console base abi")
  row("plan",    "plan format mem codec console base abi")
  row("arch",    "arch console codec mem base abi")

  # Who may include a library's headers: the prefix of a path.
  only["libfdt.h"]    = "common/format/fdt."
  only["zstd.h"]      = "common/codec/zstd. tools/mkhandover/pack."
  only["zstd_errors.h"] = "common/codec/zstd."
  only["immintrin.h"] = "common/codec/sha256-ni."
  only["cpuid.h"]     = "common/arch/"
  only["efi.h"]       = "efi-stub/"
  only["efilib.h"]    = "efi-stub/"
  only["openssl/"]    = "tools/mkhandover/digest."
  only["lzma.h"]      = "tools/mkhandover/unpack."
  only["lz4.h"]       = "tools/mkhandover/unpack."
  only["bzlib.h"]     = "tools/mkhandover/unpack."
  only["zlib.h"]      = "tools/mkhandover/unpack."
  only["CLI/"]        = "tools/mkhandover/"
  only["fmt/"]        = "tools/mkhandover/"
  only["nlohmann/"]   = "tools/mkhandover/"

  # The standard headers of common/: nothing that allocates, throws, locks or does I/O.
  n = split("array span optional string_view utility type_traits concepts bit compare limits cstdint cstddef algorithm", h, " ")
  for (; n; n--) standard[h[n]] = 1
  # Copying bytes into values, and out of them, is what these rooms are for.
  bytes["base"] = bytes["codec"] = bytes["format"] = 1
}

function row(room, rooms,  i, n, r) {
  n = split(rooms, r, " ")
  for (i = 1; i <= n; i++) may[room, r[i]] = 1
  known[room] = 1
}

function complain(why) {
  print FILENAME ":" FNR ": " why
  bad = 1
}

# Does this file begin with one of the prefixes?
function allowed(prefixes,  i, n, p) {
  n = split(prefixes, p, " ")
  for (i = 1; i <= n; i++) if (index(FILENAME, p[i]) == 1) return 1
  return 0
}

FNR == 1 {
  split(FILENAME, own, "/")
  shell = own[1] == "purgatory" || own[1] == "efi-stub" || own[1] == "tools"
  if (own[1] == "common" && !(own[2] in known)) complain("common/" own[2] " is no room of common/")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
  path = $0; sub(/^[^"]*"/, "", path); sub(/".*/, "", path)
  split(path, inc, "/")
  if (path ~ /\.\./ || path !~ /\//) complain("\"" path "\" is not a full path from the root")
  else if (own[1] == "common" && inc[1] != "common") complain("common/ may not include " path)
  else if (own[1] == "common" && own[2] != "arch" && inc[2] == "arch") complain("only shells may include " path)
  else if (own[1] == "common" && !((own[2], inc[2]) in may)) complain("common/" own[2] " may not include " path)
  else if (shell && inc[1] != "common" && inc[1] != own[1]) complain(own[1] "/ may not include " path)
  else if (own[1] == "tools" && inc[1] == "common" && inc[2] == "arch") complain("hosted code may not include " path)
}

/^[ \t]*#[ \t]*include[ \t]*</ {
  path = $0; sub(/^[^<]*</, "", path); sub(/>.*/, "", path)
  wrapped = 0
  for (library in only) if (index(path, library) == 1) {
    wrapped = 1
    if (!allowed(only[library])) complain("<" path "> may be included by " only[library] "* only")
  }
  if (!wrapped && own[1] == "common" && !(path in standard) && !(own[2] in bytes && path == "cstring"))
    complain("common/ may not include <" path ">")
}

END { exit bad }
