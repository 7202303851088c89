#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs mkhandover as people do: exact output, exact messages, every exit status.
#
# MKHANDOVER names the program, WRITE_DIALECTS the one that writes handovers of other dialects; UPDATE=1 writes the golden texts anew.

cd "$(dirname "$0")/../.." || exit 2
dialects=$(realpath "${WRITE_DIALECTS:-build/tests/write-dialects}")
data=$PWD/tests/tool/data
real=$PWD/build/kernels
. tests/tool/cli-lib.sh

# A bzImage as far as its header goes: 16 MiB to load, 2 MiB aligned, from 16 MiB up.
le() { local v=$1 i; for ((i = 0; i < $2; i++)); do printf '%b' "\\x$(printf %02x $((v >> 8 * i & 255)))"; done; }
at() { le "$2" "$3" | dd of=kernel bs=1 seek=$(($1)) conv=notrunc status=none; }
make_kernel() {
  head -c 8192 /dev/zero >kernel
  at 0x1f1 1 1; at 0x1f4 16 4; at 0x1fe 0xaa55 2; at 0x202 0x53726448 4; at 0x206 0x20f 2; at 0x211 1 1
  at 0x230 0x200000 4; at 0x234 1 1; at 0x235 21 1; at 0x236 3 2; at 0x238 2047 4
  at 0x258 0x1000000 8; at 0x260 $((${1:-0x1000000})) 4
}

map=$data/log-6.1.txt
guest=(--preserve 0x10000000+128M,name=guest0 --preserve 0x30000000+2M,name=db,fence=pram,owner=postgres)

# --- make ---

expect 0 make -o h.dtb "${guest[@]}" --ram-from "$map"
silent out; silent err
expect 0 inspect h.dtb
same_as mkhandover-inspect.txt; silent err
expect 0 inspect --json h.dtb
is_json; same_as mkhandover-inspect.json
has '["preserved"][1]["name"]' db
has '["bytes"]' $((130 << 20))
expect 0 inspect --as holdfast h.dtb

expect 0 make --json -o j.dtb "${guest[@]}" --ram-from none --on-refusal halt --refusal-delay 3 --kaslr off
is_json
has '["preserved"][0]["start"]' 0x10000000
expect 0 inspect --json j.dtb
has '["policy"]' "{'on_refusal': 'halt', 'refusal_delay': 3, 'kaslr': False, 'on_loss': 'refuse', 'overwrite_request': 'keep'}"
has '["ram"]' '[]'

expect 0 make -o merged.dtb --from h.dtb --preserve 1G+4K --scratch 32M+16M --ram-from none
expect 0 inspect merged.dtb
same_as mkhandover-inspect-merged.txt
# Written once more, a tree has the same bytes.
expect 0 make -o again.dtb --from merged.dtb --ram-from none
cmp merged.dtb again.dtb || fail "merging one handover changes it"
ls ./*.new 2>/dev/null && fail "a temporary file was left behind"

expect 0 make -v -o v.dtb --preserve 0x10000000+2M --ram-from none
complains "mkhandover: v.dtb: $(stat -c %s v.dtb) bytes, 1 range, 2 MiB kept, sha256 $(sha256sum v.dtb | cut -d' ' -f1)"
expect 0 make -o w.dtb --preserve 2G+2M,name=high --ram-from "$map"
complains 'mkhandover: warning: high [0x80000000, 0x80200000) is not RAM from 0x80000000 on: the stage will refuse it'
expect 0 make -q -o w.dtb --preserve 2G+2M,name=high --ram-from "$map"
silent err

expect 2 make -o x.dtb --preserve 1M+1M --digest
complains 'mkhandover: --digest: is of the files of --pages-of: give one'
expect 2 make -o x.dtb --preserve 1M+1M --on-loss shrug
expect 2 make -o x.dtb --preserve 1M+1M --overwrite-request maybe
expect 2 make -o x.dtb
complains 'mkhandover: make: nothing to keep: give --pages-of FILE, --preserve START+SIZE, --store DIR or --from FILE'
expect 2 make --preserve 1M+1M
complains 'mkhandover: --output is required: see mkhandover make --help'
expect 2 make -o x.dtb --preserve 1M+1M,fence=iron
complains 'mkhandover: --preserve 1M+1M,fence=iron: no such fence; there are reserved, held, pmem and pram'
expect 2 make -o x.dtb --preserve 1M
complains 'mkhandover: --preserve 1M: not START+SIZE; write for example 0x10000000+128M'
expect 2 make -o x.dtb --preserve 1M+1M --on-refusal explode
expect 2 make -o x.dtb --preserve 1M+1M --refusal-delay 3601
expect 3 make -o x.dtb --preserve 16M+2M,name=a --preserve 17M+2M,name=b --ram-from none
complains 'mkhandover: kept-overlap: kept a [0x1000000, 0x1200000) meets kept b [0x1100000, 0x1300000)'
expect 3 make -o x.dtb --preserve 16M+2M,name=a --scratch 17M+1M --ram-from none
complains 'mkhandover: overlap: scratch [0x1100000, 0x1200000) meets kept a [0x1000000, 0x1200000)'
[ ! -e x.dtb ] || fail "a failed make left a file"
echo text >text
expect 6 make -o x.dtb --pages-of text
grep -q "^mkhandover: text: lies on .*, whose pages can move: put it on hugetlbfs, for example in /dev/hugepages$" err ||
  fail "--pages-of a file that can move: $(cat err)"
expect 7 make -o x.dtb --pages-of missing
complains 'mkhandover: missing: No such file or directory'
expect 7 make -o no/such/x.dtb --preserve 1M+1M --ram-from none
grep -q '^mkhandover: no/such/x.dtb.*: No such file or directory$' err || fail "make into nowhere: $(cat err)"
(for ((i = 0; i < 70000; i++)); do printf '[mem %#x-%#x] usable\n' $((i << 13)) $(((i << 13) + 4095)); done) >many.txt
expect 5 make -o x.dtb --preserve 0+4K --ram-from many.txt
expect 2 make -o x.dtb --preserve 1G+2M --range-list
complains 'mkhandover: --range-list: a list has to stay where the handover says: give -o on hugetlbfs'

# --- inspect ---

expect 6 inspect text
complains 'mkhandover: text: a text that says nothing of kept memory: give a handover, or a command line with pkram=, pmpool=, prmem_meta=, badram= or memmap='
expect 6 inspect --json text
is_json; has '["problems"][0]["code"]' bad-input; has '["exit"]' 6
head -c 400 h.dtb >cut.dtb
expect 6 inspect cut.dtb
complains 'mkhandover: cut.dtb: truncated: cut off at byte 400'
sed 's/holdfast,handover-v1/kho,version-4-abcdef/' h.dtb >kho.dtb
expect 6 inspect kho.dtb
complains 'mkhandover: kho.dtb: unknown-compatible: found "kho,version-4-abcdef"; this version reads holdfast,handover-v1'
expect 6 make -o x.dtb --from kho.dtb
expect 6 inspect --as kho-v4 h.dtb
complains 'mkhandover: h.dtb: is holdfast, not kho-v4, which --as says'
expect 2 inspect --as klingon h.dtb
complains 'mkhandover: --as klingon: no such dialect; there are holdfast, kho-v1, kho-v1-512, kho-v1-4096, kho-v2, kho-v3, kho-v4, kho-series, pkram-pgt, pkram-pgt4, pkram-pgt5, pkram-regions, pmpool, prmem, badram, memmap'
expect 7 inspect missing.dtb
complains 'mkhandover: missing.dtb: No such file or directory'
expect 2 inspect
complains 'mkhandover: FILE is required: see mkhandover inspect --help'
# 64 KiB more of the second range's size: it starts at 16 MiB + 64 KiB, and the first one ends at 16 MiB + 64 KiB.
expect 0 make -o near.dtb --preserve 16M+64K,name=a --preserve 0x1010000+64K,name=b --ram-from none
LC_ALL=C sed 's/\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00/\x00\x00\x00\x00\x01\x00\xf0\x00\x00\x00\x00\x00\x00\x01\x00\x00/' near.dtb >overlap.dtb
expect 3 inspect overlap.dtb
same_as mkhandover-inspect-overlap.txt
expect 3 inspect --json overlap.dtb
is_json; has '["problems"][0]["code"]' kept-overlap; has '["problems"][0]["where"]' 0x100f000

# --- other dialects ---

"$dialects" d || fail "write-dialects"
# What each keeps: the same blocks in every kind of KHO.
for name in kho-v1-512 kho-v1-4096 kho-v2 kho-v3 kho-v4 kho-series; do
  case $name in kho-v1-*) as=(--as "$name") dialect=kho-v1 ;; *) as=() dialect=$name ;; esac
  expect 0 inspect --json d/$name.record --memory d/$name.core "${as[@]}"
  is_json; same_as mkhandover-inspect-$name.json; silent err
  has '["dialect"]' $dialect; has '["bytes"]' $((0x2000 + (2 << 20) + (4 << 20)))
done
expect 0 inspect d/kho-v4.record --memory d/kho-v4.core
same_as mkhandover-inspect-kho-v4.txt; silent err
# The tree alone, without the areas of scratch; then with them, as in debugfs.
expect 0 inspect --json d/kho-v4.dtb --memory d/kho-v4.core
is_json; has '["scratch"]' '[]'; has '["bytes"]' $((0x2000 + (2 << 20) + (4 << 20))); has '["clients"][0]["name"]' kexec-metadata
mkdir -p kho/in boot_params/0 boot_params/10
cp d/kho-v4.dtb kho/in/fdt; printf '0x8000000\n0x200000000\n' >kho/in/scratch_phys; printf '0x1000000\n0x2000000\n' >kho/in/scratch_len
expect 0 inspect --json kho/in --memory d/kho-v4.core
is_json; has '["scratch"][1]["start"]' 0x200000000
echo 0x4 >boot_params/0/type; : >boot_params/0/data; echo 0xa >boot_params/10/type; cp d/kho-v4.record boot_params/10/data
expect 0 inspect --json boot_params --memory d/kho-v4.core
same_as mkhandover-inspect-kho-v4.json
mkdir none; mkdir none/0; echo 4 >none/0/type
expect 1 inspect none
complains 'mkhandover: none: no handover: no node of type 10 (KHO), and none of type 2 with a pmpool'
mkdir nothing-there
expect 6 inspect nothing-there
complains 'mkhandover: nothing-there: no handover: neither a directory like /sys/kernel/boot_params/setup_data nor one like /sys/kernel/debug/kho/in'
# What cannot be told is kept, and said.
expect 0 inspect --json d/kho-v1-doubt.record --memory d/kho-v1-doubt.core
is_json; has '["bytes"]' 0; has '["uncertain"][0]["start"]' 0x40000000; has '["uncertain"][0]["size"]' $((128 << 20))
complains 'mkhandover: warning: d/kho-v1-doubt.record: nothing tells how large the bitmaps of kho-v1 are: add --as kho-v1-512 for Linux 6.16 and 6.17, or --as kho-v1-4096 from 6.18 on'
expect 0 inspect --json d/kho-v1-doubt.record --memory d/kho-v1-doubt.core --as kho-v1-4096
has '["bytes"]' 8192; has '["uncertain"]' '[]'
# Everything that is wrong is listed.
expect 3 inspect --json d/kho-overlap.record --memory d/kho-overlap.core
is_json; has '["problems"][0]["code"]' kept-overlap; has '["problems"][0]["where"]' 0x40201000
expect 3 inspect --json d/kho-in-scratch.record --memory d/kho-in-scratch.core
is_json; has '["problems"][0]["code"]' overlap; has '["problems"][0]["where"]' 0x8400000
expect 6 inspect d/kho-v5.record --memory d/kho-v5.core
complains 'mkhandover: d/kho-v5.record: unknown-compatible: found "kho-v5"; this version reads kho-v1 to kho-v4'
expect 6 inspect d/kho-not-finalized.record --memory d/kho-not-finalized.core
expect 6 inspect --json d/kho-not-finalized.record --memory d/kho-not-finalized.core
is_json; has '["problems"][0]["code"]' not-finalized
expect 6 inspect d/kho-v4.record --memory d/kho-v4.core --as kho-v3
complains 'mkhandover: d/kho-v4.record: is kho-v4, not kho-v3, which --as says'
expect 2 inspect d/kho-v4.record
complains 'mkhandover: d/kho-v4.record: speaks of memory that is not in the file: add --memory CAPTURE, an ELF core of that machine or a directory of files named by their address'
expect 6 inspect d/kho-v4.record --memory d/pkram-pgt4.core
expect 6 inspect d/kho-v4.record --memory text
complains 'mkhandover: text: no captured memory: neither an ELF core, nor a directory, nor a device'
expect 7 inspect d/kho-v4.record --memory missing

for name in pkram-pgt4 pkram-pgt5; do
  expect 0 inspect --json d/$name.cmdline --memory d/$name.core --as $name
  is_json; same_as mkhandover-inspect-$name.json; silent err; has '["dialect"]' pkram-pgt
done
expect 6 inspect d/pkram-pgt4.cmdline --memory d/pkram-pgt4.core
complains 'mkhandover: d/pkram-pgt4.cmdline: unsupported: the handover does not say how deep its page tables are: add --as pkram-pgt4 or --as pkram-pgt5'
for name in pkram-regions pmpool prmem; do
  expect 0 inspect --json d/$name.cmdline --memory d/$name.core
  is_json; same_as mkhandover-inspect-$name.json; silent err; has '["dialect"]' $name
done
expect 0 inspect d/pkram-regions.cmdline --memory d/pkram-regions.core
same_as mkhandover-inspect-pkram-regions.txt
expect 0 inspect --json d/pmpool.dtb --memory d/pmpool.core
same_as mkhandover-inspect-pmpool.json
expect 6 inspect d/prmem.cmdline --memory d/prmem.core --as pmpool
complains 'mkhandover: d/prmem.cmdline: is a command line of other dialects, not pmpool, which --as says'
echo 'pkram=nonsense' >bad.cmdline
expect 6 inspect bad.cmdline --memory d/prmem.core
complains 'mkhandover: bad.cmdline: pkram=: malformed: malformed at byte 0'

# Two at once, and lists that people write.
echo "quiet $(tr '\n' ' ' <d/prmem.cmdline) memmap=64M\$0x10000000,1G!4G badram=0x7ddf0000,0xffffc000" >both.cmdline
expect 0 inspect --json both.cmdline --memory d/prmem.core
is_json; has '["dialect"]' prmem+badram+memmap; has '["preserved"][0]["name"]' memmap
echo 'GRUB_BADRAM="0x100000,0xffffffffff9ff000"' >grub
expect 0 inspect grub
same_as mkhandover-inspect-badram.txt
expect 6 inspect grub --as memmap
echo 'badram=0x1000' >odd
expect 6 inspect odd
complains 'mkhandover: odd: badram=: malformed: malformed at byte 0'

# Into a tree of our own: what is kept, and the pages of the description.
expect 0 make -v -o foreign.dtb --from d/kho-v4.record --memory d/kho-v4.core --ram-from none
grep -q '^mkhandover: d/kho-v4.record: its scratch is left out, as the next kernel will not read kho-v4$' err || fail "make --from KHO: $(cat err)"
expect 0 inspect foreign.dtb
same_as mkhandover-inspect-foreign.txt
expect 0 make -o lists.dtb --from both.cmdline --memory d/prmem.core --from grub --ram-from none
expect 0 inspect --json lists.dtb
has '["preserved"][0]["name"]' badram-2
# What is uncertain is kept as far as it is RAM.
printf '[mem 0x100000-0x41ffffff] usable\n' >little.txt
expect 0 make -o doubt.dtb --from d/kho-v1-doubt.record --memory d/kho-v1-doubt.core --ram-from little.txt
expect 0 inspect --json doubt.dtb
has '["preserved"][-1]["name"]' kho-v1; has '["preserved"][-1]["size"]' $((0x42000000 - 0x40000000))
expect 3 make -o x.dtb --from d/kho-overlap.record --memory d/kho-overlap.core --ram-from none

# --- check ---

expect 0 check --map "$map" --handover h.dtb
says 'ok: 2 ranges, 130 MiB kept, 0 segments checked'
expect 0 check --map "$data/iomem-7.2.txt" --handover h.dtb --segment 0x18000000+16M,kernel
says 'ok: 2 ranges, 130 MiB kept, 1 segment checked'
expect 0 check --json --map "$data/log-7.2.txt" --handover h.dtb
is_json; has '["verdict"]' ok; has '["problems"]' '[]'
expect 1 check --map "$map" --handover w.dtb
says 'kept-not-ram: kept high [0x80000000, 0x80200000) is not RAM: no memory at 0x80000000'
expect 1 check --map "$map" --handover h.dtb --segment 2G+1M,initrd
says 'not-ram: initrd [0x80000000, 0x80100000) is not RAM: no memory at 0x80000000'
expect 3 check --map "$map" --handover h.dtb --segment 0x17f00000+2M,initrd --segment 0x18000000+1M,kernel
same_as mkhandover-check.txt
expect 3 check --json --map "$map" --handover h.dtb --segment 0x17f00000+2M,initrd
is_json; has '["problems"][0]["code"]' overlap; has '["problems"][0]["where"]' 0x17f00000; has '["exit"]' 3
expect 3 check --map "$map" --handover overlap.dtb
expect 2 check --map "$map" --handover h.dtb --segment 1M+1M
expect 2 check --handover h.dtb
complains 'mkhandover: --map is required, or --store: see mkhandover check --help'
printf '[mem 0x0-0xfffff] usable\n[mem 0x100000-0x1fffff] tasty\n' >bad.txt
expect 6 check --map bad.txt --handover h.dtb
complains 'mkhandover: bad.txt:2: unknown type of memory: [mem 0x100000-0x1fffff] tasty'
printf '00000000-00000000 : System RAM\n' >zero.txt
expect 6 check --map zero.txt --handover h.dtb
complains 'mkhandover: zero.txt: all addresses are 0: /proc/iomem shows them to root only'

# --- plan ---

make_kernel
head -c 3000000 /dev/zero >initrd
plan=(plan --map "$map" --handover h.dtb --kernel kernel)
expect 0 "${plan[@]}" --initrd initrd --seed 0x8000000000000000
same_as mkhandover-plan.txt; silent err
expect 0 "${plan[@]}" --initrd initrd --seed 0x8000000000000000 --json
is_json; same_as mkhandover-plan.json
has '["verdict"]' ok; has '["segments"][0]["name"]' kernel; has '["segments"][1]["name"]' initrd
expect 0 "${plan[@]}" --json --seed 0xffffffffffffffff --cmdline 'root=/dev/sda1 nokaslr'
has '["slot"]["index"]' 0; has '["slot"]["start"]' 0x1000000
expect 0 "${plan[@]}" --json --in-use 16M+64M,firmware
has '["slot"]["start"]' 0x5000000
expect 0 "${plan[@]}" --mode fence --entry bzimage
expect 0 "${plan[@]}" --mode native --json
is_json; has '["mode"]' fence
# A handover that a kernel may read by itself, with one that does and one that does not.
printf '[mem 0x0-0x9fbff] usable\n[mem 0x100000-0x27fffffff] usable\n' >big.txt
kho=(--map big.txt --handover d/kho-v4.record --memory d/kho-v4.core)
for kernel in kho:auto:native kho:native:native kho:fence:fence new:auto:fence new:fence:fence; do
  IFS=: read -r image mode got <<<"$kernel"
  expect 0 plan "${kho[@]}" --kernel "$real/$image/vmlinuz" --mode "$mode" --json
  is_json; has '["mode"]' "$got"
done
expect 0 plan "${kho[@]}" --kernel "$real/kho/vmlinuz" --json
has '["map"][1]["end"]' 0x280000000; has '["slot"]["start"]' 0x8200000
expect 6 plan "${kho[@]}" --kernel "$real/new/vmlinuz" --mode native
says 'verdict    refused
problem    unsupported: kernel: kho-v4 not supported'
expect 0 check "${kho[@]}"
says 'ok: 5 ranges, 6.0 MiB kept, 0 segments checked'
expect 3 check "${kho[@]}" --segment 0x40000000+4K,initrd
says 'overlap: initrd [0x40000000, 0x40001000) meets kept kho-v4 [0x40000000, 0x40002000)'
expect 3 check "${kho[@]}" --segment 0x7000000+4K,initrd
says 'overlap: initrd [0x7000000, 0x7001000) meets kept kho-v4 structure [0x7000000, 0x7010000)'
expect 6 "${plan[@]}" --entry vmlinux
complains 'mkhandover: kernel: its header names no payload to unpack: use --entry bzimage'
expect 0 "${plan[@]}" -v
complains 'mkhandover: kernel: its header names no payload to unpack: taken as it is'
expect 2 "${plan[@]}" --mode maybe
expect 3 "${plan[@]}" --in-use 0x10000000+4K,stage
same_as mkhandover-plan-refused.txt
expect 3 "${plan[@]}" --in-use 0x10000000+4K,stage --json
is_json; has '["verdict"]' refused; has '["exit"]' 3; has '.get("slot")' None
expect 0 make -o low.dtb --preserve 1M+4K,name=low --ram-from none
printf '[mem 0x0-0x1ffffff] usable\n' >small.txt
make_kernel 0x1000000
expect 0 plan --map small.txt --handover low.dtb --kernel kernel
make_kernel 0x1001000
expect 4 plan --map small.txt --handover low.dtb --kernel kernel
says "verdict    refused
problem    no-slot: no place for kernel, 0x1001000 bytes"
make_kernel
# More ranges than the map may have entries: gaps between them are given up.
(for ((i = 0; i < 1500; i++)); do printf ' --preserve %#x+4K,name=m' $((0x20000000 + i * 8192)); done) >arguments
expect 0 make -o dense.dtb --ram-from none $(cat arguments)
expect 0 plan --map "$map" --handover dense.dtb --kernel kernel --json
[ "$(python3 -c 'import json; print(json.load(open("out"))["wasted_bytes"] > 0)')" = True ] || fail "no gap was closed"
(for ((i = 0; i < 97; i++)); do printf ' --preserve %#x+4K,name=m,fence=held' $((0x20000000 + i * 8192)); done) >arguments
expect 0 make -o held.dtb --ram-from none $(cat arguments)
expect 5 plan --map "$map" --handover held.dtb --kernel kernel
expect 6 plan --map "$map" --handover h.dtb --kernel text
grep -q '^mkhandover: text: no bzImage: ' err || fail "a text as kernel: $(cat err)"
expect 6 plan --map "$map" --handover cut.dtb --kernel kernel --json
is_json; has '["verdict"]' refused; has '["problems"][0]["code"]' truncated
expect 7 plan --map "$map" --handover h.dtb --kernel missing

# --- bundle ---

make_kernel
expect 0 bundle -o b --kernel kernel --initrd initrd --cmdline 'console=ttyS0 quiet' --handover h.dtb
silent out; silent err
expect 0 inspect b
same_as mkhandover-inspect-bundle.txt
expect 0 inspect --json b
is_json; same_as mkhandover-inspect-bundle.json
has '["bundle"]["entry"]' bzimage; has '["cmdline"]' 'console=ttyS0 quiet'; has '["handover"]["dialect"]' holdfast
expect 0 bundle -o native --kernel kernel --mode native --handover d/pkram-regions.cmdline --memory d/pkram-regions.core
expect 0 inspect --json native
has '["bundle"]["mode"]' native; has '["handover"]["preserved"][0]["name"]' pkram-regions
expect 0 bundle --json -o b2 --kernel kernel --initrd initrd
is_json; has '["entry"]' bzimage; has '["parts"][1]["kind"]' initrd; has '["parts"][1]["offset"]' 12288
has '["size"]' "$(stat -c %s b2)"
head -c 100000 b2 >cut-bundle
expect 6 inspect cut-bundle
complains 'mkhandover: cut-bundle: truncated: cut off at byte 100000'
expect 0 bundle --json -o b --kernel kernel --initrd initrd --compress
has '["parts"][1]["encoding"]' zstd; has '["parts"][1]["size"]' 3000000
(cat b2; echo more) >long-bundle
expect 0 inspect long-bundle
printf 'x' | dd of=b2 bs=1 seek=2000000 conv=notrunc status=none
expect 6 inspect b2
complains 'mkhandover: b2: initrd: bad-digest: digest differs'
expect 6 bundle -o x --kernel kernel --entry vmlinux
complains 'mkhandover: kernel: its header names no payload to unpack: use --entry bzimage'
expect 6 bundle -o x --kernel text
expect 6 bundle -o x --kernel kernel --handover cut.dtb
expect 3 bundle -o x --kernel kernel --handover overlap.dtb
: >nothing
expect 6 bundle -o x --kernel kernel --initrd nothing
complains 'mkhandover: nothing: empty: leave --initrd away'
expect 7 bundle -o x --kernel missing
expect 2 bundle -o x --kernel kernel --cmdline "$(head -c 2048 /dev/zero | tr '\0' a)"
complains 'mkhandover: the command line has 2048 bytes; a kernel takes 2047: shorten it'
expect 2 bundle -o x --kernel kernel --cmdline $'a\nb'
complains 'mkhandover: the command line has a NUL or a newline in it: give it as one line'
expect 2 bundle --kernel kernel
complains 'mkhandover: --output is required: see mkhandover bundle --help'
expect 2 bundle -o x --kernel kernel --entry sideways
[ ! -e x ] || fail "a failed bundle left a file"

# The stage's image, as far as its header and its record go.
python3 - <<'END' >stage
import struct, sys
image = bytearray(0x3000)
put = lambda form, at, *values: struct.pack_into(form, image, at, *values)
put('<2s', 0, b'MZ'); put('<4s', 0x40, b'PE'); put('<I', 0x5c, 0x2000); put('<I', 0x90, 0x3000)
put('<I', 0x100, 0x2000); put('<I', 0x108, 0x2000); put('<B', 0x1f1, 7); put('<I', 0x1f4, 0x200)
put('<H', 0x1fe, 0xaa55); put('<4s', 0x202, b'HdrS'); put('<H', 0x206, 0x20f); put('<B', 0x211, 1)
put('<I', 0x230, 0x1000); put('<B', 0x234, 1); put('<H', 0x236, 0x73); put('<I', 0x238, 2047)
put('<I', 0x260, 0x2000 + 0x600000); put('<8s5Q', 0x1240, b'HFSTAGE1', 0, 0, 0x3000, 0x600000, 0)
sys.stdout.buffer.write(image)
END
expect 1 inspect stage
complains 'mkhandover: stage: the stage, without a bundle'
expect 0 bundle -o image --image stage --kernel kernel --handover h.dtb
expect 0 inspect image
same_as mkhandover-inspect-image.txt
expect 0 inspect --json image
is_json; has '["image"]["payload_offset"]' 12288; has '["image"]["init_size"]' $((0x600000 + $(stat -c %s image) - 4096))
[ $(($(stat -c %s image) % 4096)) = 0 ] || fail "an image that does not end with a page"
expect 6 bundle -o x --image image --kernel kernel
complains 'mkhandover: image: has a bundle already: give a stage without one'
expect 6 bundle -o x --image kernel --kernel kernel
complains 'mkhandover: kernel: not the stage: give holdfast.bzimage'

# Kernels of distributions: LZ4 is unpacked, zstd is left as it is.
expect 0 bundle --json -o b --kernel "$real/6.1/vmlinuz"
has '["entry"]' vmlinux; has '["parts"][0]["size"]' $((40 * 512)); has '["parts"][1]["kind"]' vmlinux
has '["parts"][1]["encoding"]' zstd
expect 0 inspect b
expect 0 bundle --json -o b --kernel "$real/6.12/vmlinuz" --entry vmlinux
has '["entry"]' vmlinux; has '["parts"][0]["size"]' "$(stat -c %s "$real/6.12/vmlinuz")"
[ "$(python3 -c 'import json; print(len(json.load(open("out"))["parts"]))')" = 1 ] || fail "zstd was unpacked"
expect 0 bundle --json -o b --kernel "$real/6.1/vmlinuz" --entry bzimage
has '["entry"]' bzimage; has '["parts"][0]["size"]' "$(stat -c %s "$real/6.1/vmlinuz")"
for entry in auto:vmlinux vmlinux:vmlinux bzimage:bzimage; do
  expect 0 plan --map "$map" --handover h.dtb --kernel "$real/new/vmlinuz" --entry ${entry%:*} --json
  has '["entry"]' ${entry#*:}
done

# --- from firmware ---

# An EFI application as far as its headers go: two sections, and room for more.
python3 - <<'END' >app.efi
import struct, sys
image = bytearray(0xa00)
put = lambda form, at, *values: struct.pack_into('<' + form, image, at, *values)
put('2s', 0, b'MZ'); put('I', 0x3c, 0x80); put('4sHH3IHH', 0x80, b'PE', 0x8664, 2, 0, 0, 0, 240, 0x206)
put('H2x5IQ2I', 0x98, 0x20b, 0x200, 0x400, 0, 0x1000, 0x1000, 0, 0x1000, 0x200)
put('3I2H', 0xd0, 0x3000, 0x400, 0, 10, 0); put('I', 0x104, 16)
put('8s4I12xI', 0x188, b'.text', 0x123, 0x1000, 0x200, 0x400, 0x60000020)
put('8s4I12xI', 0x1b0, b'.data', 0x321, 0x2000, 0x400, 0x600, 0xc0000040)
sys.stdout.buffer.write(image)
END
cp kernel efi-kernel; printf MZ | dd of=efi-kernel conv=notrunc status=none
printf 'PRETTY_NAME="Some System"\n' >os-release
printf abcde >part1; printf fgh >part2
efi=(bundle --efi --stub app.efi --kernel efi-kernel)
expect 0 "${efi[@]}" -o sections --initrd part1 --initrd part2 --cmdline 'console=ttyS0 quiet' --handover h.dtb --os-release os-release --uname 6.1.0
silent out; silent err
expect 0 inspect sections
same_as mkhandover-inspect-efi.txt
expect 0 inspect --json sections
is_json; same_as mkhandover-inspect-efi.json
has '["image"]["signed"]' False; has '["cmdline"]' 'console=ttyS0 quiet'; has '["handover"]["bytes"]' $((130 << 20))
for section in .cmdline .osrel .uname .dtb .initrd .linux; do
  objcopy -O binary -j $section --set-section-flags $section=alloc,load,contents sections $section.out || fail "objcopy of $section"
done
same .linux.out efi-kernel; same .dtb.out h.dtb; same .osrel.out os-release
printf 'abcde\0\0\0fgh' | cmp - .initrd.out || fail "initrds"
[ "$(cat .cmdline.out)" = 'console=ttyS0 quiet' ] || fail "command line"
objdump -p sections | grep -q 'relocations stripped' && fail "relocations stripped"
expect 0 "${efi[@]}" --json -o again --initrd part1 --initrd part2 --cmdline 'console=ttyS0 quiet' --handover h.dtb --os-release os-release --uname 6.1.0
is_json; has '["sections"][-1]["name"]' .linux; has '["size"]' "$(stat -c %s sections)"
cmp sections again || fail "bundle --efi is not reproducible"
expect 6 bundle --efi --stub sections --kernel efi-kernel -o x
complains 'mkhandover: sections: has a section .linux already: give the application without one'
expect 6 bundle --efi --stub app.efi --kernel kernel -o x
complains 'mkhandover: kernel: has no EFI stub: give a kernel that was built with CONFIG_EFI_STUB'
expect 6 bundle --efi --stub text --kernel efi-kernel -o x
grep -q '^mkhandover: text: no EFI application: ' err || fail "a text as stub: $(cat err)"
expect 6 "${efi[@]}" -o x --initrd nothing
complains 'mkhandover: nothing: empty: leave --initrd away'
expect 3 "${efi[@]}" -o x --handover overlap.dtb
expect 2 "${efi[@]}" -o x --entry vmlinux
expect 2 bundle --kernel kernel -o x --uname 6.1.0
expect 7 bundle --efi --stub missing --kernel efi-kernel -o x
if command -v sbsign >/dev/null && command -v sbverify >/dev/null && command -v openssl >/dev/null; then
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=test -days 1 2>/dev/null
  sbsign --key key.pem --cert cert.pem --output signed sections 2>warnings || fail "sbsign"
  grep -i warning warnings && fail "sbsign warns"
  sbverify --cert cert.pem signed >/dev/null 2>&1 || fail "sbverify"
  expect 0 inspect --json signed; has '["image"]["signed"]' True
  expect 6 bundle --efi --stub signed --kernel efi-kernel -o x
  complains 'mkhandover: signed: is signed, which a section would break: sign the result'
else
  fail "sbsign, sbverify or openssl is not here: make deps installs them"
fi
[ ! -e x ] || fail "a failed bundle left a file"

mkdir esp
expect 0 install -q --esp esp --stub app.efi --kernel efi-kernel --initrd part1 --cmdline 'root=/dev/sda1 quiet' --handover h.dtb --removable --loader-entry --entry-title 'Kept memory'
same_as mkhandover-install.txt; silent err
same app.efi esp/EFI/holdfast/holdfast.efi; same app.efi esp/EFI/BOOT/BOOTX64.EFI; same efi-kernel esp/EFI/holdfast/linux
same part1 esp/EFI/holdfast/initrd; same h.dtb esp/EFI/holdfast/handover.dtb
[ "$(cat esp/EFI/holdfast/cmdline)" = 'root=/dev/sda1 quiet' ] || fail "the command line on the ESP"
grep -qx 'title        Kept memory' esp/loader/entries/holdfast.conf || fail "no title"
grep -qx 'efi          /EFI/holdfast/holdfast.efi' esp/loader/entries/holdfast.conf || fail "no application in the entry"
# What would be started in place of what comes now is gone, the handover stays.
expect 0 install -q --json --esp esp --image sections
is_json; has '["removed"]' "['EFI/holdfast/linux', 'EFI/holdfast/initrd', 'EFI/holdfast/cmdline']"
same sections esp/EFI/holdfast/holdfast.efi; same h.dtb esp/EFI/holdfast/handover.dtb
expect 0 install -q --esp esp --stub app.efi --bundle native
same native esp/EFI/holdfast/bundle
expect 0 install --esp esp --stub app.efi
grep -q '^mkhandover: warning: esp: lies on .*, which firmware does not read: copy it onto a FAT$' err || fail "no warning of the filesystem: $(cat err)"
[ -e esp/EFI/holdfast/bundle ] || fail "an update of the application took its bundle"
find esp -name '*.new' | grep . && fail "a temporary file was left on the ESP"
expect 2 install --root nowhere --stub app.efi
complains 'mkhandover: no ESP: neither /efi nor /boot nor /boot/efi is a mounted FAT with a folder EFI: mount it, or say where it is with --esp DIR'
expect 2 install --esp missing --stub app.efi
complains 'mkhandover: --esp missing: no folder: mount the ESP there first'
expect 6 install -q --esp esp --image app.efi
complains 'mkhandover: app.efi: has no section .linux: make it with mkhandover bundle --efi'
expect 6 install -q --esp esp --stub app.efi --kernel kernel
expect 6 install -q --esp esp --stub app.efi --bundle text
expect 3 install -q --esp esp --stub app.efi --handover overlap.dtb
expect 2 install -q --esp esp --stub app.efi --image sections
expect 2 install -q --esp esp --stub app.efi --initrd part1

mkdir -p firmware/sys/firmware/efi/efivars
expect 7 variable --root firmware
: >firmware/sys/firmware/efi/efivars/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c
variable=firmware/sys/firmware/efi/efivars/HoldfastHandover-8c2a3d50-5b0e-4f64-9d0c-6f1f2b7d4ae1
expect 1 variable --root firmware
complains 'mkhandover: no variable: the next boot finds no handover by it'
digest=$(sha256sum h.dtb | cut -d' ' -f1)
expect 0 variable --root firmware --set "holdfast=0x40000000,593,$digest"
says "handover   tree at 0x40000000, 593 bytes, for the next boot
sha256     $digest"
[ "$(od -An -tx1 -N 24 $variable | tr -d ' \n')" = 070000000100000001000000010000000000000000000040 ] || fail "the variable's bytes"
expect 0 variable --root firmware --keep --set "holdfast=0x40000000,593,$digest" --json
is_json; has '["one_shot"]' False; has '["tree"]["size"]' 593
expect 0 variable --root firmware --clear
[ ! -e $variable ] || fail "the variable is still there"
expect 0 variable --root firmware --clear
mkdir -p firmware/sys/kernel/boot_params
cp -r boot_params firmware/sys/kernel/boot_params/setup_data
expect 0 variable --root firmware --set-kho --memory d/kho-v4.core
same_as mkhandover-variable-kho.txt
expect 0 variable --root firmware --json
has '["kind"]' kho
head -c 50 $variable >cut-variable; cp cut-variable $variable
expect 6 variable --root firmware
mkdir void; head -c 4096 /dev/zero >void/0x100000.bin
expect 6 variable --root firmware --set-kho --memory text
expect 7 variable --root firmware --set-kho --memory void
grep -q '^mkhandover: the KHO tree at .* cannot be read, and is not believed without its digest: ' err || fail "KHO without memory: $(cat err)"
expect 2 variable --root firmware --set 'holdfast=1,2'
complains 'mkhandover: --set holdfast=1,2: not holdfast=ADDR,SIZE,SHA256: give what mkhandover make has printed'
expect 2 variable --root firmware --keep
complains 'mkhandover: --keep: goes with --set or --set-kho'
expect 2 variable --root firmware --clear --set-kho

# --- load ---

# What a machine says of itself, in a tree like its own.
mkdir -p root/sys/kernel/boot_params root/proc
head -c 4096 /dev/zero >root/sys/kernel/boot_params/data
echo 'BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 holdfast=0x1000,4,00 quiet' >root/proc/cmdline
memory() { mkdir -p "root/sys/firmware/memmap/$1"; (cd "root/sys/firmware/memmap/$1" && echo "$2" >start && echo "$3" >end && echo "$4" >type); }
memory 0 0x0 0x9fbff 'System RAM'; memory 1 0x9fc00 0x9ffff Reserved; memory 2 0x100000 0x7ffdefff 'System RAM'
load=(load -n --root root --stage stage --kernel kernel)
expect 0 "${load[@]}" --initrd initrd --handover h.dtb --reuse-cmdline
same_as mkhandover-load.txt; silent err
expect 0 "${load[@]}" --json --handover h.dtb --cmdline quiet --via file
is_json; has '["loaded"]' False; has '["via"]' file; has '["segments"]' '[]'; has '["cmdline"]' quiet
has '["preserved"][0]["start"]' 0x10000000
expect 0 "${load[@]}" --json
has '["preserved"]' '[]'; has '["cmdline"]' ''; has '["segments"][0]["end"]' 0x7ffdf000; has '["segments"][2]["name"]' boot_params
expect 1 "${load[@]}" --handover h.dtb --cmdline 'memmap=exactmap'
complains 'mkhandover: conflict: memmap=exactmap at byte 0 of the command line takes kept guest0 [0x10000000, 0x18000000)'
expect 1 "${load[@]}" --handover w.dtb
complains 'mkhandover: kept-not-ram: kept high [0x80000000, 0x80200000) is not RAM: no memory at 0x80000000'
expect 1 "${load[@]}" --handover w.dtb --json
is_json; has '["verdict"]' refused; has '["exit"]' 1; has '["problems"][0]["code"]' kept-not-ram
# All memory but a little is kept: the stage finds its place, the kernel does not.
expect 0 make -o all.dtb --preserve 16M+2029M,name=all --ram-from none
expect 4 "${load[@]}" --handover all.dtb
complains 'mkhandover: no-slot: no place for kernel, 0x1000000 bytes'
expect 6 "${load[@]}" --reuse-cmdline
complains 'mkhandover: the command line: holdfast=: malformed: malformed at byte 15'
expect 2 "${load[@]}" --reuse-cmdline --cmdline quiet
expect 2 "${load[@]}" --via pigeon
# What a kernel hands over by KHO goes with kexec_file_load alone.
echo 'quiet kho=on' >root/proc/cmdline
expect 0 "${load[@]}" --json; has '["segments"]' '[]'
for via in segments kexec-tools; do
  expect 1 "${load[@]}" --via $via
  complains "mkhandover: this kernel hands memory over by KHO, which is lost with --via $via: use --via file"
done
echo quiet >root/proc/cmdline
expect 6 load -n --root root --stage image --kernel kernel
complains 'mkhandover: image: has a bundle already: load it with kexec -l'
expect 7 load -n --root root --stage missing --kernel kernel
expect 7 load -n --root nowhere --stage stage --kernel kernel
expect 7 "${load[@]}" --handover missing
# Another kexec is only run, and its status passed on.
printf '#!/bin/sh\necho "$@" >kexec-words\nhead -c 8 "${3#--initrd=}" >kexec-initrd\nexit 9\n' >kexec
chmod +x kexec
expect 7 load --root root --stage stage --kernel kernel --via kexec-tools --kexec ./kexec --cmdline 'a b'
complains 'mkhandover: ./kexec: ended with status 9'
grep -q -- '^-l stage --initrd=/proc/self/fd/[0-9]* --command-line=a b$' kexec-words || fail "kexec got $(cat kexec-words)"
[ "$(cat kexec-initrd)" = HFBUNDLE ] || fail "kexec could not read the bundle"

# Of a store, on a machine that has RAM wherever its files are said to lie.
memory 3 0x100000000 0x4ffffffffffff 'System RAM'
mkdir huge
store=(--store huge/store --plain "$PWD/huge,65536")
printf text >text
expect 0 keep -q --name copied "${store[@]}" text
expect 0 "${load[@]}" "${store[@]}" -q
grep -q "^kept .* by $PWD/huge/store$" out && grep -q ' copied$' out && grep -q ' store$' out || fail "load --store: $(cat out)"
silent err
[ ! -e root/run ] || fail "a dry run left a record"
expect 2 "${load[@]}" "${store[@]}" --handover h.dtb
complains 'mkhandover: --handover excludes --store: see mkhandover load --help'
expect 2 load -n --root root --stage stage "${store[@]}"
complains 'mkhandover: --kernel is required: see mkhandover load --help'
expect 6 "${load[@]}" --store nowhere/store --plain "$PWD/huge,65536"
expect 1 load -n --root root --again
complains 'mkhandover: --again: nothing was loaded with --store in this boot'
expect 2 "${load[@]}" --again
# What was loaded is there once more when its files are gone.
printf '#!/bin/sh\necho "$@" >kexec-words\n' >kexec
loaded=(--root root --stage stage --kernel kernel --via kexec-tools --kexec ./kexec)
expect 0 load -q "${loaded[@]}" --initrd initrd --cmdline 'a b' "${store[@]}"
[ "$(ls root/run/holdfast | xargs)" = 'cmdline-1 initrd-1 kernel-1 load.json stage-1' ] || fail "a record of $(ls root/run/holdfast)"
for file in stage kernel initrd; do cmp $file root/run/holdfast/$file-1 && mv $file $file.away; done
rm kexec-words
expect 0 load -q --again --root root --plain "$PWD/huge,65536"
grep -q -- "^-l root/run/holdfast/stage-1 --initrd=/proc/self/fd/[0-9]* --command-line=a b$" kexec-words || fail "kexec got $(cat kexec-words)"
printf x >>root/run/holdfast/kernel-1
expect 6 load -n --again --root root --plain "$PWD/huge,65536"
complains 'mkhandover: root/run/holdfast/load.json: kernel-1 is not what its digest says: load with --store once more'
for file in stage kernel initrd; do mv $file.away $file; done
expect 1 load -q "${loaded[@]}"
complains 'mkhandover: the last load kept a store: give --store, or rm -r root/run/holdfast to forget it'
[ -e root/run/holdfast/load.json ] || fail "a load that was refused forgot the store"
# Nor does the unit forget it, which otherwise loads what its file says.
printf '#!/bin/sh\necho "$@"\n' >called
chmod +x called
unit() {
  local verb=$1 script
  shift
  script=$(sed -n "s/^$verb=.bin.sh -c '\(.*\)' holdfast .*/\1/p" "$golden/../../tools/mkhandover/systemd/holdfast-load.service" |
    sed 's|[$][$]|$|g; s|/usr/bin/mkhandover|./called|g; s|/run/|root/run/|g')
  what="$verb $*"
  sh -c "$script" holdfast "$@" >out
}
unit ExecStart --kernel 'k 1'; silent out
HOLDFAST_HANDOVER='' unit ExecStop --kernel 'k 1'; says 'load --again'
HOLDFAST_HANDOVER=--store unit ExecStop --kernel 'k 1' --store; says 'load --kernel k 1 --store'
expect 0 load -q "${loaded[@]}" --handover h.dtb
[ ! -e root/run/holdfast ] || fail "another load left the record of the store"
unit ExecStart --kernel 'k 1'; says 'load -q --kernel k 1'
HOLDFAST_HANDOVER='' unit ExecStop --kernel 'k 1'; says 'load --kernel k 1'

# --- pcr ---

expect 0 make -o m.dtb "${guest[@]}" --ram-from none
# What sha256sum makes of it: the register, and behind it each event's digest.
digest() { sha256sum | cut -d' ' -f1; }
extend() { printf %b "$(sed "s,..,\\\\x&,g" <<<"$1$2")" | digest; }
zero=$(printf %064d 0)
tree=$(digest <m.dtb)
words=$(printf 'console=ttyS0 quiet' | digest)
decision=$(printf 'mode fence, entry efi-image, 2 ranges, %d bytes, lost 0' $((130 << 20)) | digest)
expect 0 pcr --handover m.dtb --cmdline 'console=ttyS0 quiet'
silent err
says "event      holdfast: handover, $(stat -c %s m.dtb) bytes
           m.dtb
           sha256 $tree
event      holdfast: command line, 19 bytes
           console=ttyS0 quiet
           sha256 $words
event      holdfast: decision, 62 bytes
           mode fence, entry efi-image, 2 ranges, 136314880 bytes, lost 0
           sha256 $decision
PCR 15     sha256 $(extend "$(extend "$(extend "$zero" "$tree")" "$words")" "$decision")"
value=$(sed -n 's/^PCR 15 *sha256 //p' out)
expect 0 pcr --json --handover m.dtb --cmdline 'console=ttyS0 quiet'
is_json; has '["pcr"]' 15; has '["value"]' "$value"; has '["events"][1]["digest"]' "$words"
has '["events"][0]["of"]' m.dtb; has '["events"][2]["event"]' 'holdfast: decision'
# One after the other it comes to the same.
nothing=$(printf '' | digest)
decision=$(printf 'mode native, entry efi-handover, 0 ranges, 0 bytes, lost 0' | digest)
expect 0 pcr --json --mode native --entry efi-handover --from "$value"
has '["value"]' "$(extend "$(extend "$value" "$nothing")" "$decision")"
# At a direct entry kernel and initrd come before the decision.
expect 0 pcr --json --entry vmlinux --kernel kernel --initrd part1
has '["events"][1]["event"]' 'holdfast: kernel'; has '["events"][1]["digest"]' "$(digest <kernel)"
has '["events"][2]["event"]' 'holdfast: initrd'; has '["events"][2]["digest"]' "$(digest <part1)"
expect 2 pcr --entry bzimage
complains 'mkhandover: --entry bzimage: measures the kernel: add --kernel FILE'
expect 2 pcr --kernel kernel
# The stage passes on one line.
expect 0 pcr --handover m.dtb --cmdline $'console=ttyS0\tquiet \n'
grep -q "^           sha256 $words$" out || fail "pcr of a line with a tab: $(cat out)"
expect 0 pcr --json --bank sha1
has '["bank"]' sha1; has '["events"][0]["digest"]' "$(printf '' | sha1sum | cut -d' ' -f1)"
expect 0 pcr --handover m.dtb --lost db --entry efi-handover
grep -q '^           mode fence, entry efi-handover, 1 range, 134217728 bytes, lost 1$' out || fail "pcr --lost: $(cat out)"
expect 2 pcr --handover m.dtb --lost nobody
complains 'mkhandover: --lost nobody: no handover keeps anything of that name'
expect 2 pcr --from 00ff
complains 'mkhandover: --from 00ff: not the 64 hexadecimal digits of a sha256 register'
expect 2 pcr --from "${zero/0/g}"
expect 2 pcr --bank md5
expect 2 pcr --entry auto
expect 0 make -o held.dtb --preserve 0x10000000+2M,name=other,fence=held --ram-from none
expect 3 pcr --handover m.dtb --handover held.dtb
expect 6 pcr --handover text
expect 7 pcr --handover missing

# --- report ---

mkdir empty
expect 1 report empty
complains 'mkhandover: no report in empty: this kernel was not started by Holdfast'
expect 1 report --json empty
is_json; has '["problems"][0]["code"]' found
dtc -q -I dts -O dtb -i . -o report.dtb "$data/report.dts" || fail "dtc"
expect 0 report report.dtb
same_as mkhandover-report.txt; silent err
expect 0 report -v report.dtb
same_as mkhandover-report-verbose.txt
mkdir -p setup_data/0 setup_data/1
echo 0x4 >setup_data/0/type; echo 0x48464454 >setup_data/1/type
cp report.dtb setup_data/1/data
expect 0 report --json setup_data --handover taken.dtb
is_json; same_as mkhandover-report.json
cmp h.dtb taken.dtb || fail "the handover in a report came out changed"
# From firmware: no node, but a variable, with its attributes before it.
fw=fw/sys/firmware/efi/efivars/HoldfastReport-8c2a3d50-5b0e-4f64-9d0c-6f1f2b7d4ae1
mkdir -p "${fw%/*}"
expect 1 report --root fw
complains 'mkhandover: no report in setup_data, nor in an EFI variable: this kernel was not started by Holdfast'
dtc -q -I dts -O dtb -o fw.dtb "$data/report-efi.dts" || fail "dtc"
{ le 6 4; cat fw.dtb; } >"$fw"
expect 0 report --root fw
same_as mkhandover-report-efi.txt; silent err
expect 0 report --json --root fw
is_json; same_as mkhandover-report-efi.json
expect 0 report "$fw"
expect 1 report --root fw --handover none.dtb
complains 'mkhandover: the report had no room for the handover; the whole one is at 0x1f000000'
[ ! -e none.dtb ] || fail "a handover was written that is not there"
mkdir -p fw/sys/kernel/boot_params/setup_data/0
echo 0x4 >fw/sys/kernel/boot_params/setup_data/0/type
expect 1 report --root fw
echo 0x48464454 >fw/sys/kernel/boot_params/setup_data/0/type
cp report.dtb fw/sys/kernel/boot_params/setup_data/0/data
expect 0 report --json --root fw
has '["from"]' fw/sys/kernel/boot_params/setup_data/0/data; has '["generation"]' 2
head -c 700 report.dtb >cut-report.dtb
expect 6 report cut-report.dtb
expect 6 report text
expect 6 report h.dtb

# --- map ---

expect 0 map --map "$map" --handover h.dtb
same_as mkhandover-map.txt
export LC_ALL=C.UTF-8
expect 0 map --map "$map" --handover h.dtb --svg map.svg
same_as mkhandover-map-utf8.txt
unset LC_ALL
python3 -c 'import xml.dom.minidom as x; x.parse("map.svg")' || fail "the SVG file is no XML"
expect 0 map --json --map "$map" --handover h.dtb
is_json; has '["memory_bytes"]' $((0x9fc00 + 0x7fedf000)); has '["bytes"]' $((130 << 20))
"$tool" map --map - <"$map" >out 2>err && grep -q '^1.9 GiB of memory' out || fail "map from standard input"

# --- the program ---

expect 0 --version
says 'mkhandover 0.1.0'
expect 0 --help
silent err
for verb in make inspect check plan bundle load install variable pcr report map; do
  expect 0 $verb --help
  silent err
  expect 0 $verb --version
  says 'mkhandover 0.1.0'
done
expect 2
complains 'mkhandover: a verb is missing: see mkhandover --help'
expect 2 frobnicate
complains 'mkhandover: no such verb: frobnicate: see mkhandover --help'
expect 2 inspect h.dtb --frobnicate
if [ -w /dev/full ]; then
  "$tool" inspect h.dtb >/dev/full 2>err
  [ $? = 7 ] || fail "a full standard output is no error"
fi

printf '%d runs of mkhandover, %d failures\n' "$checks" "$failures"
[ "$failures" = 0 ]
