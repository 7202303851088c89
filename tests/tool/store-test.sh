#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Keeps files and gives them back as people do, on a folder of ordinary files that stands for hugetlbfs, and over a
# kexec that is played by copying kept pages to files named by their address.
#
# MKHANDOVER names the program.

cd "$(dirname "$0")/../.." || exit 2
root=$PWD
. tests/tool/cli-lib.sh

page=65536
mkdir huge
at=(--store huge/store --plain "$PWD/huge,$page")

# All that cp -a keeps, as text: kind, mode, owner, times, size, links, target, attributes and contents.
shown() {
  (cd "$1" && find . -printf '%P %y %m %U %G %T@ %s %n %l\n' | sort
   find . -type f -print0 | sort -z | xargs -0 sha256sum
   python3 -c 'import os
for path, folders, files in sorted(os.walk(".")):
  for name in sorted(folders + files):
    full = path + "/" + name
    for attribute in sorted(os.listxattr(full, follow_symlinks=False)):
      print(full, attribute, os.getxattr(full, attribute, follow_symlinks=False))')
}
same_tree() { diff <(shown "$1") <(shown "$2") >diff || { fail "$what: $1 and $2 differ"; head diff; }; }

mkdir -p tree/sub/deep tree/empty
head -c 300000 /dev/urandom >tree/large
head -c 4096 /dev/urandom >tree/page
printf small >tree/sub/small
: >tree/sub/nothing
truncate -s 5M tree/sparse
printf end | dd of=tree/sparse bs=1 seek=3000000 conv=notrunc status=none
truncate -s 1M tree/hole
ln tree/large tree/sub/other-name
ln -s ../large tree/sub/link
ln -s /nowhere/at/all tree/dangling
mkfifo tree/fifo
chmod 4751 tree/page
chmod 0500 tree/sub/deep
chmod 1777 tree/empty
touch -d '2001-02-03 04:05:06.789 UTC' tree/large tree/sub/deep
touch -h -d '1999-01-01 UTC' tree/dangling
python3 -c 'import os; os.setxattr("tree/page", "user.origin", b"somewhere\0else")' ||
  fail "no extended attributes here: set TMPDIR to a filesystem that has them"
touch -d '1985-10-26 01:21 UTC' tree/sub tree
cp -a tree before

# --- keep, list, restore ---

expect 0 list "${at[@]}"
says 'nothing is kept in this boot, and no report says what was before it: if an earlier kernel kept something, give its handover with --handover FILE'
silent err
[ ! -e huge/store ] || fail "list made a store"

expect 0 keep --name files "${at[@]}" tree
grep -q '^files: 14 objects, .* kept$' out || fail "keep: $(cat out)"; silent err
same_tree before tree
expect 0 list "${at[@]}"
grep -q '^files  *14 objects' out || fail "list: $(cat out)"
expect 0 list files "${at[@]}"
grep -q 'hard-link .* tree/sub/other-name -> tree/large$' out || fail "list files: $(cat out)"
grep -q 'symlink .* tree/sub/link -> ../large$' out || fail "list files: $(cat out)"
expect 0 list --json "${at[@]}"
is_json; has '["nodes"][0]["name"]' files; has '["sequence"]' 1

expect 0 restore files -C out1 "${at[@]}"
same_tree tree out1/tree
[ "$(stat -c %i out1/tree/large)" = "$(stat -c %i out1/tree/sub/other-name)" ] || fail "a hard link is a copy"
[ "$(stat -c %b out1/tree/hole)" = 0 ] || fail "a hole was filled"
expect 7 restore files -C out1 "${at[@]}"
grep -q '^mkhandover: out1/tree/[a-z]*: File exists$' err || fail "restore over what is there: $(cat err)"

expect 0 keep --name packed --zstd "${at[@]}" tree
expect 0 restore packed -C out2 "${at[@]}"
same_tree tree out2/tree

head -c 5000000 /dev/urandom >stream
checks=$((checks + 1)); what="keep from standard input"
"$tool" keep --name in "${at[@]}" - <stream >out 2>err || fail "$what: $(cat err)"
expect 0 restore in -C - "${at[@]}"
cmp stream out || fail "a stream came back changed"
expect 0 restore in -C out3 "${at[@]}"
cmp stream out3/stdin || fail "a stream came back changed as a file"
expect 2 restore files -C - "${at[@]}"
complains 'mkhandover: files: holds 14 objects: only a single file or stream goes to standard output: give -C DIR'

# --- ten thousand files ---

python3 - <<'PYTHON'
import os, random
random.seed(2020)
for number in range(10000):
  folder = "crowd/%02d/%02d" % (number % 16, number % 37)
  os.makedirs(folder, exist_ok=True)
  path = "%s/%d" % (folder, number)
  with open(path, "wb") as f:
    f.write(random.randbytes(random.choice((0, 1, 100, 4095, 4096, 4097)) if number % 50 else 20000))
  os.chmod(path, random.choice((0o400, 0o644, 0o755, 0o2750)))
  os.utime(path, ns=(number * 10**9 + 1, number * 10**12 + number))
PYTHON
expect 0 keep --name crowd "${at[@]}" crowd
expect 0 restore crowd -C out-crowd "${at[@]}"
same_tree crowd out-crowd/crowd
expect 0 drop crowd "${at[@]}"

# --- what is there stays there ---

expect 2 keep --name files "${at[@]}" tree
complains 'mkhandover: --name files: something is kept under that name: drop it first, choose another, or give --add'
expect 2 keep --name store "${at[@]}" tree
expect 2 keep --name a/b "${at[@]}" tree
expect 2 keep "${at[@]}" tree
expect 7 keep --name gone "${at[@]}" missing
complains 'mkhandover: missing: No such file or directory'
expect 2 keep --name twice "${at[@]}" tree/page before/page
complains 'mkhandover: before/page: page is kept already: two FILEs of one name go into two nodes'
expect 1 restore nobody "${at[@]}"
complains 'mkhandover: nobody: nothing is kept under that name: mkhandover list shows what is'
expect 1 drop nobody "${at[@]}"
expect 6 keep --name x --store no/huge --plain "$PWD/huge,$page" tree
grep -q 'not on hugetlbfs' err || fail "a store on another filesystem: $(cat err)"
expect 0 list --json "${at[@]}"
has '["sequence"]' 5; has '["nodes"].__len__()' 3
[ "$(ls huge/store | wc -l)" = 4 ] || fail "files were left over: $(ls huge/store)"

# A data file of a save that was interrupted goes with the next one; another program's lock is heeded.
head -c $page /dev/zero >huge/store/data-99
exec 9<huge/store
flock -s 9
expect 7 drop packed "${at[@]}"
grep -q 'in use by another program' err || fail "a lock: $(cat err)"
flock -u 9
expect 0 drop packed "${at[@]}"
says 'packed: forgotten; its memory is free'
[ "$(ls huge/store | wc -l)" = 3 ] || fail "a dropped node's pages were left: $(ls huge/store)"
expect 0 restore files -C out4 "${at[@]}"
same_tree tree out4/tree

# --- files whose pages are kept where they are ---

head -c $((40 * page)) /dev/urandom >huge/guest
cp huge/guest guest.copy
expect 0 keep --name vm "${at[@]}" huge/guest
says 'vm: 1 object, 2.5 MiB kept, of which 2.5 MiB stay where they are'
expect 3 keep --name again "${at[@]}" huge/guest
grep -q '^mkhandover: kept-overlap: .*huge/guest .* is kept as .*huge/guest already$' err || fail "kept twice: $(cat err)"
expect 2 keep --name own "${at[@]}" huge/store/index
complains "mkhandover: huge/store/index: is the store's own"
expect 0 restore vm -C out5 "${at[@]}"
cmp guest.copy out5/guest || fail "a described file came back changed"
head -c $((41 * page)) /dev/urandom >huge/cache
expect 0 keep --name cache --digest "${at[@]}" huge/cache

# A handover keeps these pages, until one of the files is another.
expect 0 make -q -o now.dtb "${at[@]}" --ram-from none
# The store of another handover that is taken in is this one, as it was.
expect 0 make -q -o beside.dtb "${at[@]}" --ram-from none --preserve 0x100000000000+2M,name=beside
expect 0 keep --name late "${at[@]}" stream
expect 0 make -q -o both.dtb "${at[@]}" --ram-from none --from beside.dtb
names() { "$tool" inspect --json "$1" | python3 -c "import json,sys; print(*sorted({p['name'] for p in json.load(sys.stdin)['preserved']}))"; }
[ "$(names both.dtb)" = "$(printf '%s\n' $(names now.dtb) beside late | sort | xargs)" ] ||
  fail "a store and what another handover keeps: $(names both.dtb)"
expect 0 drop late "${at[@]}"
expect 0 check "${at[@]}" --handover now.dtb
grep -q '^ok: [0-9]* ranges, .* kept, 0 segments checked, 5 files of the store$' out || fail "check --store: $(cat out)"
where() { "$tool" list --json "${at[@]}" | python3 -c "import json,sys; print([n for n in json.load(sys.stdin)['nodes'] if n['name'] == 'vm'][0]['files'][0]['ranges'][0]['start'])"; }
was=$(where)
mv huge/guest huge/guest.first; cp guest.copy huge/guest
expect 1 check "${at[@]}" --handover now.dtb
grep -q "^moved: vm: $PWD/huge/guest from offset 0x0 on was at $was and lies at \[0x[0-9a-f]*, 0x[0-9a-f]*), which the handover does not keep: make the handover again$" out || fail "check of a file that moved: $(cat out)"
expect 1 check --json "${at[@]}" --handover now.dtb
is_json; has '["moved"].__len__()' 1; has '["moved"][0]["from"]' "$was"
truncate -s $((39 * page)) huge/guest
expect 1 check "${at[@]}" --handover now.dtb
says "resized: vm: $PWD/huge/guest was 2.5 MiB when it was kept and is 2.4 MiB now: drop vm and keep it again"
mv huge/guest.first huge/guest
expect 0 check "${at[@]}" --handover now.dtb
expect 2 check --handover now.dtb
complains 'mkhandover: --map is required, or --store: see mkhandover check --help'
expect 2 check "${at[@]}" --handover now.dtb --segment 1M+1M,x
complains 'mkhandover: --segment: needs --map, to know what is RAM'
expect 1 check --store huge/empty --plain "$PWD/huge,$page" --handover now.dtb
complains "mkhandover: $PWD/huge/empty: has no index of this boot: make a handover with --store first"
# What is described may go away: its node can be dropped, whatever else has gone.
for node in gone1 gone2; do
  head -c $page /dev/urandom >huge/$node
  expect 0 keep --name $node "${at[@]}" huge/$node
done
rm huge/gone1 huge/gone2
expect 6 keep --name x "${at[@]}" stream
complains "mkhandover: gone1: $PWD/huge/gone1: is gone: mkhandover drop gone1, then keep what there is of it again"
expect 6 make -o kept.dtb --store huge/store --plain "$PWD/huge,$page" --ram-from none
complains "mkhandover: gone1: $PWD/huge/gone1: is gone: mkhandover drop gone1, then keep what there is of it again"
expect 0 drop gone2 "${at[@]}"
says 'gone2: forgotten; its files stay where they are'
expect 0 drop gone1 --json "${at[@]}"
has '["free_at"]' with-files; has '["given_back"]' 0

# Of a node that is copied in part, the copies are free.
head -c $page /dev/urandom >huge/described
expect 0 keep --name both "${at[@]}" huge/described before/page
expect 0 drop both "${at[@]}"
says 'both: forgotten; what was copied in this boot is free, its files stay where they are'
expect 0 keep --name both "${at[@]}" huge/described before/page
expect 0 drop both --json "${at[@]}"
has '["free_at"]' once

# A page may fail after it was kept, and before.
head -c $((4 * page)) /dev/urandom >huge/failing
cp huge/failing failing.copy
expect 0 keep --name failing "${at[@]}" huge/failing
silent err
echo 1 >huge/failing.poisoned
left_out="mkhandover: warning: failing: $PWD/huge/failing from offset 0x10000 on, 64 KiB: left out: the kernel has put this page aside for memory failure"
head -c $((2 * page)) /dev/urandom >huge/half
echo 0 >huge/half.poisoned
expect 0 keep --name half "${at[@]}" huge/half
complains "$left_out
mkhandover: warning: half: $PWD/huge/half from offset 0x0 on, 64 KiB: left out: the kernel has put this page aside for memory failure"
expect 0 drop half "${at[@]}"
expect 0 list failing --json "${at[@]}"
has '["nodes"][0]["files"][0]["lost"]' "[{'offset': 65536, 'size': 65536}]"
has '["nodes"][0]["memory"]' $((3 * page))

# --- over the kexec ---

# to_memory FOLDER MEMORY: every page that a store keeps, as a file of memory.
to_memory() {
  "$tool" list --json "${at[@]}" >list.json || fail "list before the kexec"
  python3 - "$1" "$2" <<'PYTHON'
import json, os, sys
folder, memory = sys.argv[1:]
store = json.load(open("list.json"))
files = [("%s/index" % folder, store["index"], [])]
for node in store["nodes"]:
    for file in node["files"]:
        if file["kind"] != "carried":
            name = file["name"] if file["kind"] == "described" else folder + "/" + file["name"]
            files.append((name, file["ranges"], file.get("lost", [])))
os.makedirs(memory, exist_ok=True)
for name, ranges, lost in files:
    holes = {hole["offset"]: hole["size"] for hole in lost}
    with open(name, "rb") as f:
        for r in ranges:
            f.seek(holes.get(f.tell(), 0), 1)
            open("%s/%s.bin" % (memory, r["start"]), "wb").write(f.read(r["size"]))
PYTHON
}

expect 0 make -o kept.dtb --store huge/store --plain "$PWD/huge,$page" --ram-from none
complains "$left_out"
expect 0 inspect --json kept.dtb
for node in store files in vm cache; do grep -q "\"$node\"" out || fail "make --store left out $node"; done
to_memory huge/store memory
mv huge huge-before
mkdir huge
at+=(--handover kept.dtb --memory memory)

expect 0 list "${at[@]}"
for node in files in vm cache; do grep -q "^$node " out || fail "list after the kexec: no $node: $(cat out)"; done
expect 0 restore files -C after1 "${at[@]}"
same_tree tree after1/tree
expect 0 restore vm -C after1 "${at[@]}"
cmp guest.copy after1/guest || fail "a described file came back changed after the kexec"
expect 0 restore in -C - "${at[@]}"
cmp stream out || fail "a stream came back changed after the kexec"
lost="mkhandover: contents-lost: failing: failing from offset $page on is gone: the kernel put that page aside for memory failure"
expect 1 restore failing -C after1 "${at[@]}"
complains "$lost; what is left of it ends in .damaged"
cmp <(head -c $page failing.copy; head -c $page /dev/zero; tail -c +$((2 * page + 1)) failing.copy) after1/failing.damaged ||
  fail "more was lost than the page that failed"
expect 1 restore failing -C - "${at[@]}"
complains "$lost"
cmp <(head -c $page failing.copy) out || fail "what lies before the page that failed did not come"
[ ! -e huge/store ] || fail "restore made a store"

# While somebody restores, nothing is dropped, though there is no folder of a store to lock yet.
mkfifo slow
"$tool" restore in -C - "${at[@]}" >slow 2>err-slow &
exec 8<slow
head -c 1 <&8 >start
expect 7 drop in "${at[@]}"
complains "mkhandover: $PWD/huge/store: in use by another program: try again when it is done"
expect 0 list "${at[@]}"
cat <&8 >rest-of-stream
wait $! || fail "a restore beside a drop: $(cat err-slow)"
exec 8<&-
cmp stream <(cat start rest-of-stream) || fail "a stream came back changed beside a drop"

# One more node, one less, and on to the next kernel.
expect 0 keep --name more "${at[@]}" stream
expect 0 keep --name files --add "${at[@]}" before/large
expect 2 keep --name files --add "${at[@]}" tree
complains 'mkhandover: --name files: tree is in it already: keep it under another name'
expect 1 keep --name nobody --add "${at[@]}" stream
expect 0 drop failing "${at[@]}"
says 'failing: forgotten; its memory is the system'"'"'s again after the next kexec, if the handover is made with --store'
head -c $page /dev/urandom >huge/added
expect 0 keep --name in --add "${at[@]}" huge/added before/page
expect 0 drop in "${at[@]}"
says 'in: forgotten; what was copied in this boot is free, its files stay where they are, the rest is the system'"'"'s again after the next kexec, if the handover is made with --store'
expect 0 restore files -C after2 "${at[@]}"
same_tree tree after2/tree
# What is carried was RAM, whatever a map of this boot says: a stage takes it, and no warning tells otherwise.
echo 'BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable' >map
expect 0 make -o with-ram.dtb --store huge/store --plain "$PWD/huge,$page" --ram-from map
silent err
expect 0 make -o kept2.dtb --store huge/store --plain "$PWD/huge,$page" --ram-from none
expect 0 inspect kept2.dtb
grep -q ' more' out || fail "the new node is not handed over: $(cat out)"
to_memory huge/store memory
rm -r huge; mkdir huge
at=(--store huge/store --plain "$PWD/huge,$page" --handover kept2.dtb --memory memory)
expect 0 restore more -C after3 "${at[@]}"
cmp stream after3/stream || fail "a node of the second kernel came back changed"
expect 0 restore files -C after3 "${at[@]}"
same_tree tree after3/tree
cmp tree/large after3/large || fail "what was added came back changed"
expect 1 restore in "${at[@]}"

# --- what is broken is found, and the rest comes back ---

# flip NAME OFFSET: a byte of the first page of a node.
flip() {
  "$tool" list --json "${at[@]}" >list.json
  file=memory/$(python3 -c "import json; print([n for n in json.load(open('list.json'))['nodes'] if n['name'] == '$1'][0]['files'][0]['ranges'][0]['start'])").bin
  printf '%b' "\\x$(printf %02x $(($(od -An -tu1 -j "$2" -N1 "$file") ^ 1)))" | dd of="$file" bs=1 seek="$2" conv=notrunc status=none
}
flip cache 70000
expect 1 restore cache -C after4 "${at[@]}"
complains 'mkhandover: contents-lost: cache: cache from offset 0 on is not what its digest says; what is left of it ends in .damaged'
[ -e after4/cache.damaged ] && [ ! -e after4/cache ] || fail "what is damaged has its name"
cmp <(tail -c +$((2097152 + 1)) huge-before/cache) <(tail -c +$((2097152 + 1)) after4/cache.damaged) || fail "the rest was lost"
flip cache 70000
expect 0 restore cache -C after5 "${at[@]}"

store=$("$tool" inspect --json kept2.dtb | python3 -c 'import json,sys; print([p["start"] for p in json.load(sys.stdin)["preserved"] if p["name"] == "store"][0])')
index=memory/$store.bin
cp "$index" index.copy
# The newer root alone: the state before it, and a warning.
newest=$(python3 -c 'import struct,sys
index = open(sys.argv[1], "rb").read()
print(max((0, 1), key=lambda slot: struct.unpack_from("<Q", index, 4096 * slot + 16)))' "$index")
printf '\2' | dd of="$index" bs=1 seek=$((40 + 4096 * newest)) conv=notrunc status=none
expect 0 list "${at[@]}"
complains "mkhandover: warning: $PWD/huge/store: one of the two roots of its index is broken: what was saved last may be missing"
cp index.copy "$index"
# Both roots: a version that is not known yet, then no digest that fits.
for slot in 0 4096; do printf '\2' | dd of="$index" bs=1 seek=$((slot + 8)) conv=notrunc status=none; done
expect 6 list "${at[@]}"
complains 'mkhandover: kept2.dtb: the kept store: bad-version: version 0x2 is not known'
cp index.copy "$index"
for slot in 0 4096; do printf '\2' | dd of="$index" bs=1 seek=$((slot + 40)) conv=notrunc status=none; done
expect 6 list "${at[@]}"
grep -q '^mkhandover: kept2.dtb: the kept store: bad-digest' err || fail "broken roots: $(cat err)"
expect 6 keep --name x "${at[@]}" stream
cp index.copy "$index"
python3 -c 'import struct,sys
index = bytearray(open(sys.argv[1], "rb").read())
at = struct.unpack_from("<Q", index, 4096 * int(sys.argv[2]) + 24)[0]
index[at + 100] ^= 1
open(sys.argv[1], "wb").write(index)' "$index" "$newest"
expect 6 list "${at[@]}"
grep -q '^mkhandover: kept2.dtb: the kept store: bad-digest' err || fail "a broken index: $(cat err)"
cp index.copy "$index"
expect 0 list "${at[@]}"

# --- the library, from C ---

cat >program.c <<'C'
#include <holdfast.h>
#include <stdio.h>
int main(int argc, char** argv) {
  holdfast_store* store;
  const int status = holdfast_open(argc > 1 ? argv[1] : NULL, 1, &store);
  printf("%d %s\n", status, holdfast_error());
  holdfast_close(store);
  return 0;
}
C
# Where the library has been put, PREFIX is known; here it is where it was built.
libs=$(sed -n 's/^Libs: .*-lholdfast //p' "$root/build/holdfast.pc")
if cc -Wall -Wextra -Werror -I "$root/tools/mkhandover/store" program.c "$root/build/libholdfast.a" $libs -o program; then
  what="the library"; ./program "$PWD/nowhere" >out
  says "6 $PWD/nowhere: not on hugetlbfs, whose pages alone sit still: give --store DIR on one, or mount -t hugetlbfs none /dev/hugepages"
else
  fail "a C program does not link"
fi

for prefix in /elsewhere /usr/local; do
  env -u MAKEFLAGS make --no-print-directory -C "$root" -o Makefile build/holdfast.pc PREFIX=$prefix
  grep -qx "prefix=$prefix" "$root/build/holdfast.pc" || fail "holdfast.pc is not for $prefix"
done

for verb in keep list restore drop; do expect 0 $verb --help; silent err; done

printf '%d runs of mkhandover, %d failures\n' "$checks" "$failures"
[ "$failures" = 0 ]
