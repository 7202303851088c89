// SPDX-License-Identifier: BSD-2-Clause
// What the plan has to know of a loaded boot.

#include "purgatory/boot-inputs.h"

#include "common/format/efi-memory-map.h"

namespace holdfast::purgatory {

Status ListSegments(const LoadedBoot& boot, PhysRange stage, BoundedVector<SegmentRequest>& out) {
  const auto add = [&out](std::string_view name, PhysRange at, bool needs_ram) -> Status {
    if (at.empty()) {
      return kDone;
    }
    return out.Append({.name = name, .size = at.size(), .at = at, .needs_ram = needs_ram});
  };
  TRY(add("stage", stage, true));
  TRY(add("boot_params", boot.params_at, false));
  TRY(add("command line", boot.command_line_at, false));
  TRY(add("initrd", boot.initrd, true));
  for (const SetupDataNode& node : boot.nodes) {
    TRY(add("setup_data", node.node, false));
  }
  return kDone;
}

Status ListInUse(const LoadedBoot& boot, const FoundHandovers& handovers, const PhysMemory& memory, RangeSet& efi,
                 BoundedVector<InUse>& out, EfiFacts& facts) {
  facts = EfiFacts();
  for (const SetupDataNode& node : boot.nodes) {
    TRY(out.Append({.name = "setup_data target", .range = node.indirect}));
    facts.has_node = facts.has_node || node.type == kSetupEfi;
  }
  for (const FoundHandover& handover : handovers) {
    // The pages of other handovers are kept with the rest.
    if (handover.carrier == Carrier::kTree) {
      TRY(out.Append({.name = "handover", .range = handover.at, .may_be_kept = true}));
    }
  }
  TRY_ASSIGN(const PhysRange efi_map, EfiMemoryMapRange(boot.params.efi_info));
  TRY(out.Append({.name = "EFI memory map", .range = efi_map}));
  TRY_ASSIGN(const auto bytes, memory.View(efi_map));
  if (!bytes.empty()) {
    const std::uint32_t stride = boot.params.efi_info.memdesc_size.value();
    TRY(CollectEfiRanges(bytes, stride, efi));
    TRY_ASSIGN(const EfiMapFacts map, DescribeEfiMap(bytes, stride));
    facts.has_info = true;
    facts.is_virtual = map.has_virtual;
    facts.has_free_memory = map.has_conventional;
  }
  for (const PhysRange& range : efi.view()) {
    TRY(out.Append({.name = "EFI runtime memory", .range = range}));
  }
  return kDone;
}

}  // namespace holdfast::purgatory
