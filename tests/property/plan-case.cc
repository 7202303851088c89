// SPDX-License-Identifier: BSD-2-Clause
// A random machine, and what is to be planned on it, as plain numbers.

#include "tests/property/plan-case.h"

namespace holdfast::property {

std::string ShowCase(const Case& c) {
  std::string text =
      Text("case of seed %#" PRIx64 ": repeat with HOLDFAST_PROPERTY_CASES=1 HOLDFAST_PROPERTY_SEED=%#" PRIx64 "\n",
           c.seed, c.seed);
  ForEachRun(c.cells, [&](std::size_t first, std::size_t last) {
    text += "  map " + ShowBytes({c.AddressOfCell(first), c.AddressOfCell(last)}) +
            Text(" type %u\n", kTypes[c.cells[first]]);
  });
  for (const RawKept& k : c.kept) {
    text += "  kept " + ShowKept(k) + "\n";
  }
  for (const Bytes& b : c.scratch) text += "  scratch " + ShowBytes(b) + "\n";
  for (const Bytes& b : c.was_ram) text += "  was RAM " + ShowBytes(b) + "\n";
  for (const RawSegment& s : c.segments) {
    text += "  segment " + std::string(s.name) + Text(" size %#" PRIx64 " align %#" PRIx64, s.size, s.alignment) +
            (s.at ? " at " + ShowBytes(*s.at) : "") + (s.needs_ram ? "\n" : " may lie outside RAM\n");
  }
  for (const RawInUse& u : c.in_use) {
    text += "  in use " + std::string(u.name) + " " + ShowBytes(u.bytes) + (u.may_be_kept ? " may be kept\n" : "\n");
  }
  if (c.kernel_at) text += "  kernel at " + ShowBytes(*c.kernel_at) + "\n";
  text += Text("  kernel size %#" PRIx64 " align %#" PRIx64 " min %#" PRIx64 " limit %#" PRIx64 "\n", c.kernel.size,
               c.kernel.alignment, c.kernel.min_address, c.kernel.limit);
  text += Text("  kaslr %d policy %d seed %#" PRIx64 " budget %zu map capacity %zu avoid capacity %zu\n", c.kaslr,
               c.policy_kaslr, c.kaslr_seed, c.budget, c.map_capacity, c.avoid_capacity);
  text += Text("  virtual from %#" PRIx64 " to %#" PRIx64 " seed %#" PRIx64 "\n", c.kernel.virtual_min,
               c.kernel.virtual_end, c.virtual_seed);
  text += Text("  entry %u vmlinux %d bzimage %d levels: on %d supported %d run %d confidential %d\n",
               static_cast<unsigned>(c.entry.wanted), c.entry.has_vmlinux, c.entry.has_bzimage, c.entry.is_5_levels,
               c.entry.supports_5_levels, c.entry.runs_5_levels, c.entry.is_confidential);
  text += Text("  firmware %d EFI image %d EFI handover %d secure %d\n", c.entry.in_firmware, c.entry.has_efi_image,
               c.entry.has_efi_handover, c.entry.is_secure);
  text += Text("  EFI info %d node %d virtual %d free %d\n", c.efi.has_info, c.efi.has_node, c.efi.is_virtual,
               c.efi.has_free_memory);
  return text + "  command line: " + c.command_line + "\n";
}

}  // namespace holdfast::property
